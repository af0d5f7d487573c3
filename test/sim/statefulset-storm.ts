/** StatefulSets under faults: crashes, lost messages, cut nodes. Two containers of one ordinal must never run at once. */
import { expect } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import type { Pod, StatefulSet } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const STORM_MS = 80_000;
const STEP_MS = 2_000;
const CALM_MS = 600_000;
const NAMESPACE = "default";

const statefulSet = (replicas: number, image: string, podManagementPolicy: string) => ({
	apiVersion: "apps/v1",
	kind: "StatefulSet",
	metadata: { name: "db", namespace: NAMESPACE },
	spec: {
		replicas,
		podManagementPolicy,
		serviceName: "db",
		selector: { matchLabels: { app: "db" } },
		template: {
			metadata: { labels: { app: "db" } },
			spec: {
				terminationGracePeriodSeconds: 5,
				tolerations: [{ operator: "Exists", effect: "NoExecute", tolerationSeconds: 10 }],
				containers: [{ name: "c", image }],
			},
		},
	},
});

export async function runStatefulSetStorm(seed: number): Promise<void> {
	const policy = seed % 2 === 0 ? "OrderedReady" : "Parallel";
	const world = new World(seed);
	const agents = ["n1", "n2", "n3"].map((name) => new Agent(world, name));
	world.onNodeCrash = (name) => agents.find((agent) => agent.name === name)?.pollAgain();
	for (const agent of agents) await agent.start();
	await world.run(5_000);
	world.faults = FAULTS;
	let wanted = { replicas: 3, image: "db:1" };
	const apply = () =>
		world.api(
			{
				verb: "patch",
				group: "apps",
				resource: "statefulsets",
				namespace: NAMESPACE,
				name: "db",
				patchType: "apply",
				query: { raw: [], fieldManager: "sim", force: true },
			},
			statefulSet(wanted.replicas, wanted.image, policy),
		);
	const pods = () => world.namespace(NAMESPACE).core.server.store.list<Pod>("pods");
	const deletePod = async () => {
		const name = world.random.pick(pods())?.metadata.name;
		if (name === undefined) return;
		await world.api({ verb: "delete", resource: "pods", namespace: NAMESPACE, name }).catch((error) => {
			if (!(error instanceof StatusError)) throw error;
		});
	};
	await apply();
	for (let spentMs = 0; spentMs < STORM_MS; spentMs += STEP_MS) {
		const agent = world.random.pick(agents) as Agent;
		const change = async () => {
			wanted = { replicas: world.random.between(0, 4), image: `db:${world.random.between(1, 3)}` };
			await apply();
		};
		await world.random.pick([change, deletePod, () => agent.cut(), () => agent.heal(), () => agent.restart(), () => world.crashOne()])?.();
		await world.run(STEP_MS);
		const ordinals = agents.flatMap((one) => [...one.running.values()].map(({ pod }) => pod.metadata.name));
		expect(ordinals.filter((name, i) => ordinals.indexOf(name) !== i)).toEqual([]);
	}
	world.faults = NO_FAULTS;
	for (const agent of agents) agent.heal();
	await world.run(CALM_MS);
	const { status } = world.namespace(NAMESPACE).core.server.store.get<StatefulSet>("apps/statefulsets", "db") as StatefulSet;
	expect(
		pods()
			.map((pod) => `${pod.metadata.name} ${pod.spec?.containers[0]?.image}`)
			.sort(),
	).toEqual(Array.from({ length: wanted.replicas }, (_, i) => `db-${i} ${wanted.image}`));
	expect([status?.readyReplicas ?? 0, status?.updatedReplicas ?? 0, status?.currentRevision]).toEqual([
		wanted.replicas,
		wanted.replicas,
		status?.updateRevision,
	]);
}
