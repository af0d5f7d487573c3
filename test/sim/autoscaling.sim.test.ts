/** Autoscaling under faults: whatever is lost on the way, the replicas stay within their bounds and end where the load wants them. */
import { expect, it } from "vitest";
import type { NodeUsage } from "../../src/core/protocol/agent-protocol.ts";
import type { AutoscalingV2HorizontalPodAutoscaler as Autoscaler, Deployment, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { seedsOf } from "./seeds.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const NAMESPACE = "default";
const STEP_MS = 2_000;
const MAX = 8;
/** Of memory: so much a pod is wanted. */
const TARGET_MIB = 100;
const MIB = 2 ** 20;

const workload = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "web", namespace: NAMESPACE },
	spec: {
		replicas: 2,
		selector: { matchLabels: { app: "web" } },
		template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "web:1" }] } },
	},
};
const autoscaler = {
	apiVersion: "autoscaling/v2",
	kind: "HorizontalPodAutoscaler",
	metadata: { name: "web", namespace: NAMESPACE },
	spec: {
		scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
		minReplicas: 2,
		maxReplicas: MAX,
		metrics: [{ type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: `${TARGET_MIB}Mi` } } }],
	},
};

it.each(seedsOf("autoscaling"))("seed %d: follows the load up at once and down after five minutes, and never leaves its bounds", async (seed) => {
	const world = new World(seed);
	const agents = ["n1", "n2"].map((name) => new Agent(world, name));
	for (const agent of agents) await agent.start();
	world.onNodeCrash = (name) => agents.find((agent) => agent.name === name)?.pollAgain();
	await world.run(5_000);
	const { core } = world.namespace(NAMESPACE);
	const pods = () =>
		world
			.namespace(NAMESPACE)
			.core.server.store.list<Pod>("pods")
			.filter(({ status }) => status?.phase === "Running");
	let loadMib = 150;
	// The load is shared among the pods that run; now and then an agent does not answer.
	world.usageOf = (node): NodeUsage | null => {
		if (world.random.chance(world.faults.loss)) return null;
		const memoryBytes = (loadMib * MIB) / Math.max(1, pods().length);
		const here = pods().filter(({ spec }) => spec?.nodeName === node);
		const usage = here.map(({ metadata: { name = "", uid = "" } }) => ({
			pod: { namespace: NAMESPACE, name, uid },
			containers: [{ name: "c", cpuNanoCores: 0, memoryBytes }],
		}));
		return { timestampMs: world.nowMs, windowMs: 15_000, node: { cpuNanoCores: 0, memoryBytes: 0 }, pods: usage };
	};
	await world.api({ verb: "create", group: "apps", resource: "deployments", namespace: NAMESPACE }, workload);
	await world.api({ verb: "create", group: "autoscaling", version: "v2", resource: "horizontalpodautoscalers", namespace: NAMESPACE }, autoscaler);
	const replicas = () => world.namespace(NAMESPACE).core.server.store.get<Deployment>("apps/deployments", "web")?.spec?.replicas ?? 0;
	const run = async (forMs: number) => {
		for (let spentMs = 0; spentMs < forMs; spentMs += STEP_MS) {
			await world.run(STEP_MS);
			expect(replicas()).toBeGreaterThanOrEqual(2);
			expect(replicas()).toBeLessThanOrEqual(MAX);
		}
	};
	world.faults = FAULTS;
	await run(60_000);
	loadMib = 590;
	await run(120_000);
	world.faults = NO_FAULTS;
	await run(120_000);
	expect(replicas()).toBe(6);
	loadMib = 2000;
	await run(120_000);
	expect(replicas()).toBe(MAX);
	loadMib = 290;
	await run(120_000);
	expect(replicas()).toBe(MAX);
	await run(400_000);
	expect(replicas()).toBe(3);
	const { status } = world.namespace(NAMESPACE).core.server.store.get<Autoscaler>("autoscaling/horizontalpodautoscalers", "web") as Autoscaler;
	expect([status?.currentReplicas, status?.desiredReplicas]).toEqual([3, 3]);
	expect(core.runner.metrics.get("horizontal-pod-autoscaling")?.failures ?? 0).toBe(0);
});
