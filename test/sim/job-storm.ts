/** One Job under faults, from a seed: whatever is lost or dies on the way, every completion is counted once, and the Job ends. */
import { expect } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import type { Job, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const STORM_MS = 60_000;
const STEP_MS = 2_000;
const CALM_MS = 900_000;
const NAMESPACE = "default";

const job = (completionMode: string) => ({
	apiVersion: "batch/v1",
	kind: "Job",
	metadata: { name: "sum", namespace: NAMESPACE },
	spec: {
		completions: 6,
		parallelism: 3,
		backoffLimit: 1000,
		completionMode,
		template: { spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "sum:1" }] } },
	},
});

/** Rejects with what must not be, when it is. */
export async function runJobStorm(seed: number, mode: string): Promise<void> {
	const world = new World(seed);
	const agents = ["n1", "n2"].map((name) => new Agent(world, name));
	/** Containers that have really ended well. */
	let ended = 0;
	for (const agent of agents) {
		// A container ends some time after its start; one in four fails.
		agent.lifeMs = () => world.random.between(500, 5_000);
		agent.exitCode = () => {
			const exitCode = world.random.chance(0.25) ? 1 : 0;
			if (exitCode === 0) ended++;
			return exitCode;
		};
		await agent.start();
	}
	world.onNodeCrash = (name) => agents.find((agent) => agent.name === name)?.pollAgain();
	await world.run(5_000);
	world.faults = FAULTS;
	await world.api({ verb: "create", group: "batch", resource: "jobs", namespace: NAMESPACE }, job(mode));
	const stored = () => world.namespace(NAMESPACE).core.server.store.get<Job>("batch/jobs", "sum") as Job;
	const pods = () => world.namespace(NAMESPACE).core.server.store.list<Pod>("pods");
	let before = 0;
	for (let spentMs = 0; spentMs < STORM_MS; spentMs += STEP_MS) {
		const agent = world.random.pick(agents) as Agent;
		const deletePod = async () => {
			const name = world.random.pick(pods())?.metadata.name;
			if (name !== undefined)
				await world.api({ verb: "delete", resource: "pods", namespace: NAMESPACE, name }).catch((error) => expect(error).toBeInstanceOf(StatusError));
		};
		await world.random.pick<() => unknown>([deletePod, () => agent.cut(), () => agent.heal(), () => agent.restart(), () => world.crashOne()])?.();
		await world.run(STEP_MS);
		const succeeded = stored().status?.succeeded ?? 0;
		expect(succeeded).toBeGreaterThanOrEqual(before);
		expect(succeeded).toBeLessThanOrEqual(Math.min(6, ended));
		before = succeeded;
	}
	world.faults = NO_FAULTS;
	for (const agent of agents) agent.heal();
	await world.run(CALM_MS);
	const { status } = stored();
	expect(status?.conditions?.map(({ type }) => type)).toEqual(["SuccessCriteriaMet", "Complete"]);
	expect([status?.succeeded, status?.active, status?.terminating]).toEqual([6, undefined, 0]);
	if (mode === "Indexed") expect(status?.completedIndexes).toBe("0-5");
	expect(pods().filter((pod) => pod.metadata.finalizers?.length)).toEqual([]);
}
