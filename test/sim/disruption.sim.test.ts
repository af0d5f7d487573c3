/** Disruption budgets under faults: evictions race with crashes and restarts, and never take more pods than the budget allows. */
import { expect, it } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import type { Pod, PodDisruptionBudget } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { seedsOf } from "./seeds.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const NAMESPACE = "default";
const REPLICAS = 6;
const MIN_AVAILABLE = 4;
const ROUNDS = 60;

const workload = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "web", namespace: NAMESPACE },
	spec: {
		replicas: REPLICAS,
		selector: { matchLabels: { app: "web" } },
		template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "web:1" }] } },
	},
};
const budget = {
	apiVersion: "policy/v1",
	kind: "PodDisruptionBudget",
	metadata: { name: "web", namespace: NAMESPACE },
	spec: { minAvailable: MIN_AVAILABLE, selector: { matchLabels: { app: "web" } } },
};

it.each(seedsOf("disruption"))("seed %d: no eviction leaves fewer ready pods than the budget wants", async (seed) => {
	const world = new World(seed);
	const agents = ["n1", "n2"].map((name) => new Agent(world, name));
	for (const agent of agents) await agent.start();
	world.onNodeCrash = (name) => agents.find((agent) => agent.name === name)?.pollAgain();
	await world.run(5_000);
	await world.api({ verb: "create", group: "apps", resource: "deployments", namespace: NAMESPACE }, workload);
	await world.api({ verb: "create", group: "policy", resource: "poddisruptionbudgets", namespace: NAMESPACE }, budget);
	await world.run(30_000);
	const pods = () => world.namespace(NAMESPACE).core.server.store.list<Pod>("pods");
	const isReady = ({ metadata, status }: Pod): boolean =>
		metadata.deletionTimestamp === undefined && status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
	const evict = (name: string) =>
		world.api(
			{ verb: "create", resource: "pods", subresource: "eviction", namespace: NAMESPACE, name },
			{ apiVersion: "policy/v1", kind: "Eviction", metadata: { name } },
		);
	world.faults = FAULTS;
	let evicted = 0;
	let refused = 0;
	for (let round = 0; round < ROUNDS; round++) {
		// A drain asks for all that is left on the node at once.
		for (const pod of pods().filter(isReady)) {
			try {
				await evict(pod.metadata.name ?? "");
				evicted++;
				expect(pods().filter(isReady).length).toBeGreaterThanOrEqual(MIN_AVAILABLE);
			} catch (error) {
				if (!(error instanceof StatusError)) throw error;
				expect(error.code).toBe(429);
				refused++;
			}
		}
		await world.random.pick<() => unknown>([() => world.crashOne(), () => world.random.pick(agents)?.restart(), () => undefined])?.();
		await world.run(1_000);
	}
	expect(evicted).toBeGreaterThan(REPLICAS);
	expect(refused).toBeGreaterThan(0);
	world.faults = NO_FAULTS;
	await world.run(300_000);
	const { status } = world.namespace(NAMESPACE).core.server.store.get<PodDisruptionBudget>("policy/poddisruptionbudgets", "web") as PodDisruptionBudget;
	expect(status).toMatchObject({
		currentHealthy: REPLICAS,
		desiredHealthy: MIN_AVAILABLE,
		disruptionsAllowed: REPLICAS - MIN_AVAILABLE,
		expectedPods: REPLICAS,
	});
	expect(status?.disruptedPods).toBeUndefined();
});
