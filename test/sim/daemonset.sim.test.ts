/** DaemonSets under faults, while nodes get and lose labels and taints: in the end one pod on each node that fits. */
import { describe, expect, it } from "vitest";
import type { DaemonSet, Node, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { seedsOf } from "./seeds.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const STORM_MS = 80_000;
const STEP_MS = 2_000;
const CALM_MS = 600_000;
const NAMESPACE = "default";

const daemonSet = (image: string, maxSurge: number) => ({
	apiVersion: "apps/v1",
	kind: "DaemonSet",
	metadata: { name: "log", namespace: NAMESPACE },
	spec: {
		selector: { matchLabels: { app: "log" } },
		updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable: maxSurge === 0 ? 1 : 0 } },
		template: {
			metadata: { labels: { app: "log" } },
			spec: { terminationGracePeriodSeconds: 5, nodeSelector: { logs: "on" }, containers: [{ name: "c", image }] },
		},
	},
});

describe("DaemonSets under faults", () => {
	it.each(seedsOf("daemonset"))("seed %d: one pod on each node that fits", async (seed) => {
		const maxSurge = seed % 2;
		const world = new World(seed);
		const agents = ["n1", "n2", "n3", "n4"].map((name) => new Agent(world, name));
		world.onNodeCrash = (name) => agents.find((agent) => agent.name === name)?.pollAgain();
		let image = "log:1";
		const apply = () =>
			world.api(
				{
					verb: "patch",
					group: "apps",
					resource: "daemonsets",
					namespace: NAMESPACE,
					name: "log",
					patchType: "apply",
					query: { raw: [], fieldManager: "sim", force: true },
				},
				daemonSet(image, maxSurge),
			);
		await apply();
		for (const agent of agents) await agent.start();
		await world.run(5_000);
		world.faults = FAULTS;
		const label = (name: string, value: string) =>
			world.api({ verb: "patch", resource: "nodes", name, patchType: "merge" }, { metadata: { labels: { logs: value } } });
		const taint = (name: string, taints: object[]) => world.api({ verb: "patch", resource: "nodes", name, patchType: "merge" }, { spec: { taints } });
		for (let spentMs = 0; spentMs < STORM_MS; spentMs += STEP_MS) {
			const agent = world.random.pick(agents) as Agent;
			const update = async () => {
				image = `log:${world.random.between(1, 3)}`;
				await apply();
			};
			await world.random.pick<() => unknown>([
				update,
				() => label(agent.name, "on"),
				() => label(agent.name, "on"),
				() => label(agent.name, "off"),
				() => taint(agent.name, [{ key: "keep", value: "out", effect: "NoSchedule" }]),
				() => taint(agent.name, []),
				() => agent.cut(),
				() => agent.heal(),
				() => world.crashOne(),
			])?.();
			await world.run(STEP_MS);
		}
		world.faults = NO_FAULTS;
		for (const agent of agents) agent.heal();
		await world.run(CALM_MS);
		const nodes = world.cluster().core.server.store.list<Node>("nodes");
		const selected = nodes.filter((node) => node.metadata.labels?.logs === "on");
		const fitting = selected.filter((node) => !node.spec?.taints?.some(({ key }) => key === "keep"));
		const { store } = world.namespace(NAMESPACE).core.server;
		const where = store.list<Pod>("pods").map((pod) => pod.spec?.nodeName ?? "");
		// A pod that was there before the taint may stay, a second one may not come.
		expect(new Set(where).size).toBe(where.length);
		expect(where).toEqual(expect.arrayContaining(fitting.map((node) => node.metadata.name)));
		expect(selected.map((node) => node.metadata.name)).toEqual(expect.arrayContaining(where));
		const { status } = store.get<DaemonSet>("apps/daemonsets", "log") as DaemonSet;
		expect([status?.desiredNumberScheduled, status?.numberAvailable ?? 0, status?.updatedNumberScheduled ?? 0]).toEqual([
			fitting.length,
			fitting.length,
			fitting.length,
		]);
	});
});
