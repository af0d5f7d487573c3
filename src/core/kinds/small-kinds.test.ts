import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../errors/field-error.ts";
import type { ConfigMap, Event, LimitRange, Namespace, Node, RoleBinding, Secret } from "../schema/kubernetes.d.ts";
import { clusterRoleBindingKind } from "./cluster-role-binding.ts";
import { configMapKind, DATA_BYTES_MAX } from "./config-map.ts";
import type { HookContext } from "./define-kind.ts";
import { endpointSliceKind } from "./endpoint-slice.ts";
import { endpointsKind } from "./endpoints.ts";
import { eventKind } from "./event.ts";
import { limitRangeKind } from "./limit-range.ts";
import { namespaceKind } from "./namespace.ts";
import { nodeKind } from "./node.ts";
import { priorityClassKind } from "./priority-class.ts";
import { resourceQuotaKind } from "./resource-quota.ts";
import { roleBindingKind } from "./role-binding.ts";
import { roleKind } from "./role.ts";
import { secretKind } from "./secret.ts";

const ctx: HookContext = { nowMs: 0, suffix: () => "x", user: { name: "u", groups: [] } };
const metadata = { name: "x", namespace: "default" };

describe("ConfigMap and Secret", () => {
	const map = (more: Partial<ConfigMap>): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata, ...more });
	const secret = (more: Partial<Secret>): Secret => ({ apiVersion: "v1", kind: "Secret", metadata, ...more });

	it("check their keys and their size", () => {
		expect(configMapKind.validate(map({ data: { "a b": "" } })).map(fieldErrorText)[0]).toMatch(
			/^data\[a b\]: Invalid value: "a b": a valid config key must consist of/,
		);
		expect(configMapKind.validate(map({ data: { a: "x".repeat(DATA_BYTES_MAX) } }))).toEqual([]);
		expect(configMapKind.validate(map({ data: { a: "x".repeat(DATA_BYTES_MAX + 1) } }))).toHaveLength(1);
		expect(configMapKind.validate(map({ data: { a: "" }, binaryData: { a: "" } })).map(fieldErrorText)).toEqual([
			'data[a]: Invalid value: "a": duplicate of key present in binaryData',
		]);
	});

	it("do not change once immutable", () => {
		const old = map({ data: { a: "1" }, immutable: true });
		expect(configMapKind.validateUpdate?.(map({ data: { a: "2" } }), old).map(fieldErrorText)).toEqual([
			"immutable: Forbidden: field is immutable when `immutable` is set",
			"data: Forbidden: field is immutable when `immutable` is set",
		]);
		expect(configMapKind.validateUpdate?.({ ...old, metadata: { ...metadata, labels: { a: "b" } } }, old)).toEqual([]);
	});

	it("turn text into data, and keep a type's promises", () => {
		const text = secret({ stringData: { a: "hé" } });
		secretKind.defaults?.(text);
		expect(text).toEqual(secret({ type: "Opaque", data: { a: "aMOp" } }));
		expect(secretKind.validate(secret({ type: "kubernetes.io/tls", data: { "tls.crt": "" } })).map(fieldErrorText)).toEqual(["data[tls.key]: Required value"]);
		expect(secretKind.validate(secret({ type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": btoa("{") } })).map(fieldErrorText)).toEqual([
			'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be a valid JSON document',
		]);
		expect(secretKind.validateUpdate?.(secret({ type: "b" }), secret({ type: "a" })).map(fieldErrorText)).toEqual([
			'type: Invalid value: "b": field is immutable',
		]);
	});
});

describe("Namespace", () => {
	it("begins active, finalized and labelled with its name", () => {
		const namespace: Namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" }, status: { phase: "Terminating" } };
		namespaceKind.defaults?.(namespace);
		namespaceKind.prepareCreate?.(namespace, ctx);
		expect(namespace).toMatchObject({
			metadata: { labels: { "kubernetes.io/metadata.name": "a" } },
			spec: { finalizers: ["kubernetes"] },
			status: { phase: "Active" },
		});
		const next = structuredClone(namespace);
		next.spec = { finalizers: [] };
		namespaceKind.prepareUpdate?.(next, namespace, ctx);
		expect(next.spec).toEqual({ finalizers: ["kubernetes"] });
		next.spec = { finalizers: [] };
		namespaceKind.subresources?.object?.finalize?.prepareUpdate(next, namespace, ctx);
		expect(next.spec).toEqual({ finalizers: [] });
	});
});

describe("Node", () => {
	const node = (more: Partial<Node>): Node => ({
		apiVersion: "v1",
		kind: "Node",
		metadata: { name: "n", labels: { "node-role.kubernetes.io/worker": "" } },
		...more,
	});
	const shown = (object: Node): unknown[] => nodeKind.columns.filter((c) => c.name !== "Age").map((c) => c.cell(object, { nowMs: 0 }));

	it("shows what it is", () => {
		const ready = node({
			spec: { unschedulable: true },
			status: {
				conditions: [{ type: "Ready", status: "True" }],
				addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
				nodeInfo: {
					machineID: "",
					systemUUID: "",
					bootID: "",
					kernelVersion: "6.1",
					osImage: "Debian",
					containerRuntimeVersion: "containerd://1.7",
					kubeletVersion: "v1.36.0",
					kubeProxyVersion: "",
					operatingSystem: "linux",
					architecture: "amd64",
				},
			},
		});
		expect(shown(ready)).toEqual(["Ready,SchedulingDisabled", "worker", "v1.36.0", "10.0.0.1", "<none>", "Debian", "6.1", "containerd://1.7"]);
		expect(shown(node({ metadata: { name: "n" } }))).toEqual(["Unknown", "<none>", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"]);
	});

	it("has each taint once", () => {
		const taint = { key: "a", effect: "NoSchedule" };
		expect(nodeKind.validate(node({ spec: { taints: [taint, { ...taint, value: "b" }] } })).map(fieldErrorText)[0]).toMatch(
			/^spec\.taints\[1\]: Duplicate value: .*: taints must be unique by key and effect pair$/,
		);
		expect(nodeKind.validate(node({ spec: { taints: [{ key: "a", effect: "Never" }] } })).map(fieldErrorText)).toEqual([
			'spec.taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
		]);
	});
});

describe("Event", () => {
	const event = (more: Partial<Event>): Event => ({
		apiVersion: "v1",
		kind: "Event",
		metadata,
		involvedObject: { kind: "Pod", name: "p", namespace: "default" },
		...more,
	});
	const shown = (object: Event): unknown[] => eventKind.columns.map((c) => c.cell(object, { nowMs: Date.parse("2026-01-01T00:10:00Z") }));

	it("shows when, what and about what", () => {
		const counted = event({
			firstTimestamp: "2026-01-01T00:00:00Z",
			lastTimestamp: "2026-01-01T00:09:00Z",
			count: 4,
			type: "Warning",
			reason: "BackOff",
			message: " restarting \n",
			source: { component: "kubelet", host: "n" },
		});
		expect(shown(counted)).toEqual(["60s", "Warning", "BackOff", "pod/p", "", "kubelet, n", "restarting", "10m", 4, "x"]);
		const timed = event({ eventTime: "2026-01-01T00:08:00.000000Z", reportingComponent: "scheduler", reportingInstance: "s-1" });
		expect(shown(timed)).toEqual(["2m", "", "", "pod/p", "", "scheduler, s-1", "", "2m", 1, "x"]);
	});

	it("is in the namespace of its object", () => {
		expect(eventKind.validate(event({ involvedObject: { namespace: "other" } })).map(fieldErrorText)).toEqual([
			'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
		]);
		expect(eventKind.validate(event({ involvedObject: { kind: "Node", name: "n" } }))).toEqual([]);
	});
});

describe("Endpoints and EndpointSlice", () => {
	it("show the first three", () => {
		const subsets = [{ addresses: ["1", "2", "3", "4"].map((n) => ({ ip: `10.0.0.${n}` })), ports: [{ port: 80 }] }];
		expect(endpointsKind.columns[0]?.cell({ apiVersion: "v1", kind: "Endpoints", metadata, subsets }, { nowMs: 0 })).toBe(
			"10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...",
		);
		expect(endpointsKind.columns[0]?.cell({ apiVersion: "v1", kind: "Endpoints", metadata }, { nowMs: 0 })).toBe("<none>");
		const slice = {
			apiVersion: "discovery.k8s.io/v1",
			kind: "EndpointSlice",
			metadata,
			addressType: "IPv4",
			endpoints: [{ addresses: ["10.0.0.1"] }],
			ports: [],
		};
		expect(endpointSliceKind.columns.slice(0, 3).map((c) => c.cell(slice, { nowMs: 0 }))).toEqual(["IPv4", "<unset>", "10.0.0.1"]);
	});

	it("hold addresses of their family", () => {
		const slice = {
			apiVersion: "discovery.k8s.io/v1",
			kind: "EndpointSlice",
			metadata,
			addressType: "IPv4",
			endpoints: [{ addresses: ["::2"] }, { addresses: [] }],
		};
		expect(endpointSliceKind.validate(slice).map(fieldErrorText)).toEqual([
			'endpoints[0].addresses[0]: Invalid value: "::2": must be a valid IPv4 address',
			"endpoints[1].addresses: Required value: must contain at least 1 address",
		]);
	});
});

describe("RBAC", () => {
	const binding = (more: Partial<RoleBinding>): RoleBinding => ({
		apiVersion: "rbac.authorization.k8s.io/v1",
		kind: "RoleBinding",
		metadata,
		roleRef: { kind: "Role", name: "r" },
		...more,
	});

	it("fills in API groups", () => {
		const object = binding({
			subjects: [
				{ kind: "User", name: "u" },
				{ kind: "ServiceAccount", name: "s", namespace: "default" },
			],
		});
		roleBindingKind.defaults?.(object);
		expect(object.roleRef.apiGroup).toBe("rbac.authorization.k8s.io");
		expect(object.subjects?.map((s) => s.apiGroup)).toEqual(["rbac.authorization.k8s.io", undefined]);
		expect(roleBindingKind.validate(object)).toEqual([]);
		expect(roleBindingKind.validateUpdate?.(binding({ roleRef: { kind: "Role", name: "s" } }), binding({})).map(fieldErrorText)[0]).toMatch(
			/cannot change roleRef$/,
		);
	});

	it("refuses rules and bindings that say nothing", () => {
		const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules: [{ verbs: [] }] };
		expect(roleKind.validate(role).map(fieldErrorText)).toEqual([
			"rules[0].verbs: Required value: verbs must contain at least one value",
			"rules[0].apiGroups: Required value: resource rules must supply at least one api group",
			"rules[0].resources: Required value: resource rules must supply at least one resource",
		]);
		const cluster = binding({ subjects: [{ kind: "ServiceAccount", name: "s" }] });
		clusterRoleBindingKind.defaults?.(cluster);
		expect(clusterRoleBindingKind.validate(cluster).map(fieldErrorText)).toEqual([
			'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
			"subjects[0].namespace: Required value",
		]);
	});
});

describe("LimitRange, ResourceQuota and PriorityClass", () => {
	it("fill in and check limits", () => {
		const range: LimitRange = {
			apiVersion: "v1",
			kind: "LimitRange",
			metadata,
			spec: { limits: [{ type: "Container", max: { cpu: "1" }, min: { memory: "1Mi" } }] },
		};
		limitRangeKind.defaults?.(range);
		expect(range.spec?.limits[0]).toMatchObject({ default: { cpu: "1" }, defaultRequest: { cpu: "1", memory: "1Mi" } });
		expect(limitRangeKind.validate(range)).toEqual([]);
		const wrong: LimitRange = { ...range, spec: { limits: [{ type: "Pod", max: { cpu: "1" }, min: { cpu: "2" } }] } };
		expect(limitRangeKind.validate(wrong).map(fieldErrorText)).toEqual([
			'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
		]);
	});

	it("show and check quotas", () => {
		const quota = {
			apiVersion: "v1",
			kind: "ResourceQuota",
			metadata,
			spec: { hard: { pods: "1.5", bananas: "1" } },
			status: { hard: { "requests.cpu": "2", pods: "4", "limits.cpu": "4" }, used: { pods: "1", "limits.cpu": "1" } },
		};
		expect(resourceQuotaKind.columns.slice(0, 2).map((c) => c.cell(quota, { nowMs: 0 }))).toEqual(["pods: 1/4, requests.cpu: 0/2", "limits.cpu: 1/4"]);
		expect(resourceQuotaKind.validate(quota).map(fieldErrorText)).toEqual([
			'spec.hard[pods]: Invalid value: "1500m": must be an integer',
			'spec.hard[bananas]: Invalid value: "bananas": must be a standard resource for quota',
		]);
	});

	it("keep the highest priorities for the system", () => {
		const priority = (name: string, value: number) => ({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value });
		expect(priorityClassKind.validate(priority("a", 1_000_000_001)).map(fieldErrorText)).toEqual([
			"value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
		]);
		expect(priorityClassKind.validate(priority("system-node-critical", 2_000_001_000))).toEqual([]);
		expect(priorityClassKind.validate(priority("system-x", 1))).toHaveLength(1);
		expect(priorityClassKind.validateUpdate?.(priority("a", 2), priority("a", 1)).map(fieldErrorText)).toEqual([
			"value: Invalid value: 2: may not be changed in an update.",
		]);
	});
});
