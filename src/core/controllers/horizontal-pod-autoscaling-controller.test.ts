import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { deployment, kubelet, pods, settle } from "../../../test/controllers/workloads.ts";
import { builtinKinds } from "../kinds/registry.ts";
import type {
	AutoscalingV2HorizontalPodAutoscaler as Autoscaler,
	AutoscalingV2HorizontalPodAutoscalerSpec as Spec,
	Deployment,
	Pod,
} from "../schema/kubernetes.d.ts";
import { AUTOSCALERS } from "./autoscaling/look.ts";
import { type MetricAnswer, type MetricQuery, queryKey } from "./autoscaling/metric-samples.ts";
import { deploymentController } from "./deployment-controller.ts";
import { AUTOSCALING, horizontalPodAutoscalingController, SYNC_PERIOD_MS } from "./horizontal-pod-autoscaling-controller.ts";
import { metaTime } from "./meta-time.ts";
import { replicaSetController } from "./replicaset-controller.ts";

const CPU = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } };

function autoscaler(spec: Partial<Spec> = {}, name = "web"): Autoscaler {
	const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
	return {
		apiVersion: "autoscaling/v2",
		kind: "HorizontalPodAutoscaler",
		metadata: { name },
		spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 10, metrics: [CPU], ...spec },
	};
}

/** Runs long since: what its CPU says counts. */
const LONG_MS = 10 * 60_000;

function world(replicas: number, spec: Partial<Spec> = {}): MemoryWorld {
	const w = new MemoryWorld([deploymentController, replicaSetController, horizontalPodAutoscalingController({ registry: builtinKinds })]);
	const containers = [{ name: "main", image: "web:1", resources: { requests: { cpu: "100m", memory: "100Mi" } } }];
	w.create("apps/deployments", deployment("web", { replicas, template: { metadata: { labels: { app: "web" } }, spec: { containers } } }));
	settle(w);
	age(w);
	w.create(AUTOSCALERS, autoscaler(spec));
	w.drain();
	return w;
}

function age(w: MemoryWorld): void {
	for (const { metadata } of pods(w)) w.edit<Pod>("pods", metadata.name ?? "", ({ status }) => Object.assign(status ?? {}, { startTime: metaTime(w.nowMs) }));
	w.advance(LONG_MS);
	w.drain();
}

/** One look: what is asked for is answered, with so many millicores for each pod by turns (undefined: its node says nothing of it). */
function look(w: MemoryWorld, millicores: (number | undefined)[], metrics: [MetricQuery, MetricAnswer][] = []): void {
	w.advance(SYNC_PERIOD_MS);
	answer(w, millicores, metrics);
}

function answer(w: MemoryWorld, millicores: (number | undefined)[], metrics: [MetricQuery, MetricAnswer][] = []): void {
	const usage = pods(w).flatMap(({ metadata }, at) => {
		const used = millicores[at % millicores.length];
		const pod = { namespace: "default", name: metadata.name ?? "", uid: metadata.uid ?? "" };
		return used === undefined ? [] : [{ pod, containers: [{ name: "main", cpuNanoCores: used * 1e6, memoryBytes: 50 * 2 ** 20 }] }];
	});
	const node = { cpuNanoCores: 0, memoryBytes: 0 };
	w.gathered = {
		atMs: w.nowMs,
		usages: { "node-1": { timestampMs: w.nowMs, windowMs: SYNC_PERIOD_MS, node, pods: usage } },
		metrics: Object.fromEntries(metrics.map(([query, one]) => [queryKey(query), one])),
	};
	w.enqueue(AUTOSCALING, "web");
	w.drain();
	w.gathered = undefined;
}

const replicasOf = (w: MemoryWorld): number | undefined => w.get<Deployment>("apps/deployments", "web")?.spec?.replicas;
const status = (w: MemoryWorld) => w.get<Autoscaler>(AUTOSCALERS, "web")?.status;
const condition = (w: MemoryWorld, type: string): string => {
	const found = status(w)?.conditions?.find((one) => one.type === type);
	return `${found?.status} ${found?.reason}: ${found?.message}`;
};
const told = (w: MemoryWorld) => w.events.filter(({ about }) => about.kind === "HorizontalPodAutoscaler").map(({ reason, message }) => `${reason}: ${message}`);

describe("a resource's utilization", () => {
	it.each([
		["grows to what the usage asks for", 2, [100], 4],
		["stays within the tolerance", 2, [54], 2],
		["grows just beyond it", 2, [56], 3],
		["takes a pod that says nothing as idle when it grows", 2, [200, undefined], 4],
		["takes it as busy when it shrinks, and so stays", 2, [20, undefined], 2],
		["is bound by the maximum", 4, [500], 8],
	] as [string, number, (number | undefined)[], number][])("%s", (_name, replicas, millicores, expected) => {
		const w = world(replicas);
		expect(w.gathers[0]).toMatchObject({ key: "web", nodes: ["node-1"], queries: [] });
		answer(w, millicores);
		expect(replicasOf(w)).toBe(expected);
	});

	it("says what it did and why", () => {
		const w = world(2);
		answer(w, [100]);
		expect(told(w)).toEqual(["SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target"]);
		expect(status(w)).toMatchObject({ currentReplicas: 2, desiredReplicas: 4, lastScaleTime: metaTime(w.nowMs) });
		expect(status(w)?.currentMetrics).toEqual([{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: 100, averageValue: "100m" } } }]);
		expect(condition(w, "AbleToScale")).toBe("True SucceededRescale: the HPA controller was able to update the target scale to 4");
		expect(condition(w, "ScalingActive")).toBe(
			"True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
		);
		expect(condition(w, "ScalingLimited")).toBe("False DesiredWithinRange: the desired count is within the acceptable range");
		look(w, [500]);
		expect(condition(w, "ScalingLimited")).toBe("True ScaleUpLimit: the desired replica count is increasing faster than the maximum scale rate");
	});

	it("passes over the CPU of pods that start", () => {
		const w = world(2);
		w.edit<Deployment>("apps/deployments", "web", ({ spec }) => Object.assign(spec ?? {}, { replicas: 3 }));
		w.drain();
		kubelet(w);
		w.edit<Pod>("pods", pods(w)[2]?.metadata.name ?? "", ({ status }) => Object.assign(status ?? {}, { startTime: metaTime(w.nowMs) }));
		w.drain();
		answer(w, [50, 50, 5000]);
		expect(replicasOf(w)).toBe(3);
	});

	it("does nothing and says so where pods request nothing", () => {
		const w = world(2, {
			metrics: [{ type: "ContainerResource", containerResource: { name: "cpu", container: "side", target: { type: "Utilization", averageUtilization: 50 } } }],
		});
		answer(w, [100]);
		expect(replicasOf(w)).toBe(2);
		const why =
			"failed to get cpu utilization: unable to get metrics for resource cpu: failed to get container metrics: container side not present in metrics for pod default/";
		expect(condition(w, "ScalingActive")).toContain(`False FailedGetContainerResourceMetric: the HPA was unable to compute the replica count: ${why}`);
		expect(told(w).at(-1)).toContain(
			`FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get side container metric value: ${why}`,
		);
	});
});

describe("bounds", () => {
	it("rest while there is nothing to scale", () => {
		const w = world(0);
		expect([replicasOf(w), condition(w, "ScalingActive")]).toEqual([
			0,
			"False ScalingDisabled: scaling is disabled since the replica count of the target is zero",
		]);
	});

	it("bring what is beyond them back", () => {
		expect(replicasOf(world(12))).toBe(10);
		const w = world(1, { minReplicas: 3 });
		expect([replicasOf(w), told(w)]).toEqual([3, ["SuccessfulRescale: New size: 3; reason: Current number of replicas below Spec.MinReplicas"]]);
	});

	it("say that the target is not there", () => {
		const w = world(1, { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "none" } });
		expect(condition(w, "AbleToScale")).toBe(
			'False FailedGetScale: the HPA controller was unable to get the target\'s current scale: deployments.apps "none" not found',
		);
		const other = world(1, { scaleTargetRef: { apiVersion: "apps/v1", kind: "DaemonSet", name: "web" } });
		expect(condition(other, "AbleToScale")).toContain("the server could not find the requested resource");
	});

	it("refuse to have two autoscalers over the same pods", () => {
		const w = world(2);
		w.create(AUTOSCALERS, autoscaler({}, "other"));
		w.drain();
		look(w, [100]);
		expect([replicasOf(w), condition(w, "ScalingActive")]).toEqual([
			2,
			"False AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]",
		]);
	});
});

describe("shrinking", () => {
	it("waits until no higher recommendation is left of the last five minutes", () => {
		const w = world(4);
		answer(w, [50]);
		for (let spentMs = 0; spentMs < 5 * 60_000; spentMs += SYNC_PERIOD_MS) {
			look(w, [10]);
			expect([replicasOf(w), condition(w, "AbleToScale")]).toEqual([
				4,
				"True ScaleDownStabilized: recent recommendations were higher than current one, applying the highest recent recommendation",
			]);
		}
		look(w, [10]);
		look(w, [10]);
		expect(replicasOf(w)).toBe(1);
		expect(told(w).at(-1)).toBe("SuccessfulRescale: New size: 1; reason: All metrics below target");
	});

	it("is never decided while one of several metrics says nothing", () => {
		const outside = { type: "External", external: { metric: { name: "queue" }, target: { type: "Value", value: "10" } } };
		const w = world(4, { metrics: [CPU, outside], behavior: { scaleUp: { policies: [{ type: "Pods", value: 9, periodSeconds: 15 }] } } });
		answer(w, [10]);
		expect([replicasOf(w), condition(w, "ScalingActive")]).toEqual([
			4,
			"False FailedGetExternalMetric: the HPA was unable to compute the replica count: failed to get external metric queue: unable to get external metric default/queue/nil: unable to fetch metrics from external metrics API: the server could not find the requested resource",
		]);
		look(w, [100]);
		expect(replicasOf(w)).toBe(8);
	});
});

describe("behaviour", () => {
	const rules = (type: string, value: number, periodSeconds = 60) => ({ selectPolicy: "Max", policies: [{ type, value, periodSeconds }] });

	it("grows no faster than its policies allow in their period", () => {
		const w = world(1, { behavior: { scaleUp: { ...rules("Pods", 2), stabilizationWindowSeconds: 0 }, scaleDown: rules("Percent", 100) } });
		answer(w, [1000]);
		expect(replicasOf(w)).toBe(3);
		look(w, [1000]);
		expect([replicasOf(w), condition(w, "ScalingLimited").split(":")[0]]).toEqual([3, "True ScaleUpLimit"]);
		for (let i = 0; i < 4; i++) look(w, [1000]);
		expect(replicasOf(w)).toBe(5);
	});

	it("shrinks by its policies, after its own window, or never", () => {
		const quick = world(8, { behavior: { scaleDown: { ...rules("Percent", 50), stabilizationWindowSeconds: 0 } } });
		answer(quick, [1]);
		expect(replicasOf(quick)).toBe(4);
		const never = world(8, { behavior: { scaleDown: { selectPolicy: "Disabled", stabilizationWindowSeconds: 0 } } });
		answer(never, [1]);
		expect([replicasOf(never), condition(never, "ScalingLimited").split(":")[0]]).toEqual([8, "True ScaleDownLimit"]);
	});

	it("grows only by what was asked for throughout its window", () => {
		const w = world(2, { behavior: { scaleUp: { ...rules("Pods", 10), stabilizationWindowSeconds: 60 }, scaleDown: rules("Percent", 100) } });
		answer(w, [50]);
		look(w, [100]);
		expect([replicasOf(w), condition(w, "AbleToScale").split(":")[0]]).toEqual([2, "True ScaleUpStabilized"]);
		for (let i = 0; i < 5; i++) look(w, [100]);
		expect(replicasOf(w)).toBe(4);
	});

	it("has tolerances of its own", () => {
		const w = world(2, { behavior: { scaleUp: { tolerance: "0.5", ...rules("Pods", 10) } } });
		answer(w, [70]);
		expect(replicasOf(w)).toBe(2);
		look(w, [80]);
		expect(replicasOf(w)).toBe(4);
	});
});

describe("metrics of adapters", () => {
	const values = (...numbers: number[]): MetricAnswer => ({
		ok: true,
		values: numbers.map((value, at) => ({ name: `v${at}`, value: value * 1000, timestampMs: 0, windowMs: 0 })),
	});

	it("takes an object's value for all pods, or shared among them", () => {
		const describedObject = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "main" };
		const query: MetricQuery = { api: "object", metric: "hits", object: { kind: "Ingress", name: "main", apiVersion: "networking.k8s.io/v1" } };
		const whole = world(2, { metrics: [{ type: "Object", object: { describedObject, metric: { name: "hits" }, target: { type: "Value", value: "100" } } }] });
		expect(whole.gathers[0]).toMatchObject({ nodes: [], queries: [query] });
		answer(whole, [], [[query, values(200)]]);
		expect([replicasOf(whole), status(whole)?.currentMetrics]).toEqual([
			4,
			[{ type: "Object", object: { metric: { name: "hits" }, describedObject, current: { value: "200" } } }],
		]);
		const shared = world(2, {
			metrics: [{ type: "Object", object: { describedObject, metric: { name: "hits" }, target: { type: "AverageValue", averageValue: "100" } } }],
		});
		answer(shared, [], [[query, values(500)]]);
		expect([replicasOf(shared), status(shared)?.currentMetrics?.[0]?.object?.current]).toEqual([4, { averageValue: "250" }]);
	});

	it("sums what is outside, and averages over pods", () => {
		const external: MetricQuery = { api: "external", metric: "queue" };
		const outside = world(2, {
			metrics: [{ type: "External", external: { metric: { name: "queue" }, target: { type: "AverageValue", averageValue: "10" } } }],
		});
		answer(outside, [], [[external, values(15, 20)]]);
		expect([replicasOf(outside), status(outside)?.currentMetrics?.[0]?.external?.current]).toEqual([4, { averageValue: "17500m" }]);
		const query: MetricQuery = { api: "pods", metric: "rate", podSelector: "app=web" };
		const inside = world(2, { metrics: [{ type: "Pods", pods: { metric: { name: "rate" }, target: { type: "AverageValue", averageValue: "10" } } }] });
		const each = pods(inside).map(({ metadata }) => ({ name: metadata.name ?? "", value: 20_000, timestampMs: inside.nowMs, windowMs: 0 }));
		answer(inside, [], [[query, { ok: true, values: each }]]);
		expect([replicasOf(inside), told(inside)]).toEqual([4, ["SuccessfulRescale: New size: 4; reason: pods metric rate above target"]]);
	});
});

it("forgets an autoscaler that is deleted, and asks nobody for it", () => {
	const w = world(2);
	answer(w, [50]);
	expect([...w.memory.values()]).toMatchObject([{ recommendations: [{ replicas: 2 }] }]);
	w.remove(AUTOSCALERS, "web");
	w.drain();
	expect([...w.memory.values()]).toEqual([undefined]);
	const asked = w.gathers.length;
	w.advance(60_000);
	expect(w.gathers).toHaveLength(asked);
});
