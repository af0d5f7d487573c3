import { describe, expect, test } from "vitest";
import { type Quantities, quantitiesOf } from "../admission/pod-resources.ts";
import type { KubeObject, ResourceName } from "../meta/object.ts";
import type { Pod, PodSpec, ResourceQuota } from "../schema/kubernetes.d.ts";
import { evaluatorOf } from "./evaluators.ts";
import { maskList, writeList } from "./quantities.ts";
import { countUsage, usageAfter } from "./quota-usage.ts";

const NOW_MS = Date.UTC(2026, 0, 1);

const usage = (resource: ResourceName, object: object): Record<string, string> =>
	writeList((evaluatorOf(resource)?.usage(object as KubeObject, NOW_MS) as Quantities | undefined) ?? new Map());
const pod = (spec: Partial<PodSpec>, more: Partial<Pod> = {}): Pod => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name: "p" },
	spec: { containers: [{ name: "c", image: "i" }], ...spec },
	...more,
});
const container = (requests: Record<string, string>, limits: Record<string, string> = {}) => ({ name: "c", image: "i", resources: { requests, limits } });

describe("usage of", () => {
	test("a pod: what it requests and is limited to, sidecars and overhead included", () => {
		const spec: Partial<PodSpec> = {
			containers: [
				container({ cpu: "1", memory: "1Gi", "example.com/gpu": "2", "hugepages-2Mi": "4Mi" }, { cpu: "2", memory: "2Gi", "ephemeral-storage": "1Gi" }),
			],
			initContainers: [{ ...container({ cpu: "500m" }), name: "side", restartPolicy: "Always" }],
			overhead: { cpu: "100m" },
		};
		expect(usage("pods", pod(spec))).toEqual({
			"count/pods": "1",
			pods: "1",
			cpu: "1600m",
			"requests.cpu": "1600m",
			"limits.cpu": "2100m",
			memory: "1Gi",
			"requests.memory": "1Gi",
			"limits.memory": "2Gi",
			"limits.ephemeral-storage": "1Gi",
			"requests.example.com/gpu": "2",
			"hugepages-2Mi": "4Mi",
			"requests.hugepages-2Mi": "4Mi",
		});
	});

	test.each<[string, Partial<Pod>]>([
		["is over", { status: { phase: "Succeeded" } }],
		[
			"should have been gone for as long as it was given",
			{ metadata: { name: "p", deletionTimestamp: "2025-12-31T23:59:00Z", deletionGracePeriodSeconds: 30 } },
		],
	])("a pod that %s counts as an object alone", (_what, more) => {
		expect(usage("pods", pod({ containers: [container({ cpu: "1" })] }, more))).toEqual({ "count/pods": "1" });
	});

	test.each<[string, ResourceName, object, Record<string, string>]>([
		[
			"a NodePort Service",
			"services",
			{ spec: { type: "NodePort", ports: [{ port: 1 }, { port: 2 }] } },
			{ "count/services": "1", services: "1", "services.nodeports": "2", "services.loadbalancers": "0" },
		],
		[
			"a load balancer without node ports but one",
			"services",
			{ spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 1, nodePort: 30000 }, { port: 2 }] } },
			{ "count/services": "1", services: "1", "services.nodeports": "1", "services.loadbalancers": "1" },
		],
		[
			"a claim of a class that is growing",
			"persistentvolumeclaims",
			{
				metadata: {},
				spec: { storageClassName: "gold", resources: { requests: { storage: "10Gi" } } },
				status: { allocatedResources: { storage: "20Gi" } },
			},
			{
				"count/persistentvolumeclaims": "1",
				persistentvolumeclaims: "1",
				"requests.storage": "20Gi",
				"gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
				"gold.storageclass.storage.k8s.io/requests.storage": "20Gi",
			},
		],
		[
			"a ResourceClaim",
			"resource.k8s.io/resourceclaims",
			{
				spec: {
					devices: {
						requests: [
							{ name: "a", exactly: { deviceClassName: "gpu", allocationMode: "ExactCount", count: 2 } },
							{ name: "b", exactly: { deviceClassName: "net", allocationMode: "All" } },
							{
								name: "c",
								firstAvailable: [
									{ name: "x", deviceClassName: "gpu", count: 3 },
									{ name: "y", deviceClassName: "gpu", count: 1 },
								],
							},
						],
					},
				},
			},
			{ "count/resourceclaims.resource.k8s.io": "1", "gpu.deviceclass.resource.k8s.io/devices": "5", "net.deviceclass.resource.k8s.io/devices": "32" },
		],
		["a Secret", "secrets", {}, { "count/secrets": "1", secrets: "1" }],
		["a Deployment", "apps/deployments", {}, { "count/deployments.apps": "1" }],
		["a custom object", "example.com/widgets", {}, { "count/widgets.example.com": "1" }],
	])("%s", (_what, resource, object, expected) => {
		expect(usage(resource, object)).toEqual(expected);
	});

	test("Events are not counted", () => {
		expect(evaluatorOf("events")).toBeUndefined();
	});
});

describe("scopes", () => {
	const matches = (scope: object, spec: Partial<PodSpec>): boolean => evaluatorOf("pods")?.matchesScope(scope as never, pod(spec)) ?? false;

	test.each<[object, Partial<PodSpec>, boolean]>([
		[{ scopeName: "Terminating" }, { activeDeadlineSeconds: 0 }, true],
		[{ scopeName: "NotTerminating" }, { activeDeadlineSeconds: 5 }, false],
		[{ scopeName: "BestEffort" }, {}, true],
		[{ scopeName: "NotBestEffort" }, { containers: [container({ cpu: "1" })] }, true],
		[{ scopeName: "PriorityClass", operator: "Exists" }, { priorityClassName: "high" }, true],
		[{ scopeName: "PriorityClass", operator: "In", values: ["low"] }, { priorityClassName: "high" }, false],
		[{ scopeName: "PriorityClass", operator: "NotIn", values: ["low"] }, {}, true],
		[{ scopeName: "PriorityClass", operator: "DoesNotExist" }, { priorityClassName: "high" }, false],
		[
			{ scopeName: "CrossNamespacePodAffinity", operator: "Exists" },
			{ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "z", namespaces: ["other"] }] } } },
			true,
		],
		[{ scopeName: "CrossNamespacePodAffinity", operator: "Exists" }, {}, false],
	])("%j of %j: %s", (scope, spec, expected) => {
		expect(matches(scope, spec)).toBe(expected);
	});
});

describe("a quota's status", () => {
	const quota: ResourceQuota = {
		apiVersion: "v1",
		kind: "ResourceQuota",
		metadata: { name: "q" },
		spec: { hard: { pods: "3", "requests.cpu": "2", "count/widgets.example.com": "1", services: "5" }, scopes: [] },
	};

	test("is counted from all there is, zero where there is nothing", () => {
		const pods = [pod({ containers: [container({ cpu: "500m" })] }), pod({}, { status: { phase: "Failed" } })];
		const { used } = countUsage(quota, ["pods", "services", "configmaps"], (resource) => (resource === "pods" ? pods : []), NOW_MS);
		expect(used).toEqual({ pods: "1", "requests.cpu": "500m", "count/widgets.example.com": "0", services: "0" });
	});

	test("follows each change as counting anew would", () => {
		const counted = (pods: Pod[]): ResourceQuota => ({ ...quota, status: countUsage(quota, ["pods"], () => pods, NOW_MS) });
		const small = pod({ containers: [container({ cpu: "100m" })] });
		const big = pod({ containers: [container({ cpu: "1500m" })] });
		const done = { ...big, status: { phase: "Succeeded" } };
		for (const [old, next] of [
			[undefined, small],
			[small, big],
			[big, done],
			[done, undefined],
			[big, undefined],
		] as [Pod | undefined, Pod | undefined][]) {
			const before = counted(old ? [old] : []);
			const expected = counted(next ? [next] : []).status?.used;
			expect(usageAfter(before, "pods", old, next, NOW_MS)?.used ?? before.status?.used).toEqual(expected);
		}
		expect(usageAfter(counted([small]), "pods", small, { ...small, metadata: { name: "p", labels: { a: "b" } } }, NOW_MS)).toBeUndefined();
	});
});

test("a mask leaves only what it names", () => {
	expect(writeList(maskList(quantitiesOf({ cpu: "1", memory: "1Gi" }), ["memory"]))).toEqual({ memory: "1Gi" });
});
