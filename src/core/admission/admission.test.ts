import { beforeEach, describe, expect, test } from "vitest";
import { StatusError } from "../errors/status-error.ts";
import { defineKind, type KindDefinition } from "../kinds/define-kind.ts";
import { builtinKinds } from "../kinds/registry.ts";
import type { KubeObject } from "../meta/object.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import type { LimitRange, LimitRangeItem, Namespace, Pod, PodSpec, PriorityClass, ServiceAccount } from "../schema/kubernetes.d.ts";
import { DEFAULT_CONFIGURATION } from "./configuration.ts";
import { policySource } from "./policies/policy-sets.ts";
import { type AdmissionOperation, type AdmissionRequest, type AdmissionView, admitMutating, admitValidating, newReinvocation } from "./admission.ts";

const kindOf = (kind: string, plural: string, scope: "Namespaced" | "Cluster" = "Namespaced", group = ""): KindDefinition =>
	defineKind({ group, version: "v1", kind, plural, singular: kind.toLowerCase(), scope, schema: `core/v1.${kind}`, validate: () => [], columns: [] });
const PODS = kindOf("Pod", "pods");
const CONFIG_MAPS = kindOf("ConfigMap", "configmaps");
const NAMESPACES = kindOf("Namespace", "namespaces", "Cluster");
const NODES = kindOf("Node", "nodes", "Cluster");
const LEASES = kindOf("Lease", "leases", "Namespaced", "coordination.k8s.io");
const CLAIMS = kindOf("PersistentVolumeClaim", "persistentvolumeclaims");
const PRIORITY_CLASSES = kindOf("PriorityClass", "priorityclasses", "Cluster", "scheduling.k8s.io");

interface World {
	namespace: Namespace | null;
	objects: Record<string, KubeObject[]>;
	classes: PriorityClass[];
}

const account: ServiceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
let world: World;

beforeEach(() => {
	world = {
		namespace: { apiVersion: "v1", kind: "Namespace", metadata: { name: "ns" }, status: { phase: "Active" } },
		objects: { serviceaccounts: [account] },
		classes: [],
	};
});

function run(operation: AdmissionOperation, kind: KindDefinition, object: KubeObject, more: Partial<AdmissionRequest> = {}): void {
	const user = { name: "jane", groups: [] };
	const request: AdmissionRequest = {
		operation,
		kind,
		subresource: "",
		object,
		old: operation === "CREATE" ? undefined : object,
		namespace: kind.scope === "Namespaced" ? "ns" : "",
		user,
		dryRun: false,
		addWarning: () => {},
		followUp: () => {},
		ctx: { nowMs: 0, suffix: (length) => "bcdfghjklm".slice(0, length), user },
		name: object.metadata.name ?? "",
		reinvocation: newReinvocation(),
		...more,
	};
	const view: AdmissionView = {
		get: <T extends KubeObject>(resource: string, name: string) => world.objects[resource]?.find((o) => o.metadata.name === name) as T | undefined,
		list: <T extends KubeObject>(resource: string) => (world.objects[resource] ?? []) as T[],
		node: () => undefined,
		namespaceObject: () => world.namespace,
		priorityClasses: () => world.classes,
		clusterList: <T extends KubeObject>(resource: string) => (world.objects[resource] ?? []) as T[],
		allows: (user, { verb, name }) => user.name === "approver" && verb === "approve" && name === "example.com/*",
		configuration: DEFAULT_CONFIGURATION,
		webhooks: () => undefined,
		policies: policySource(
			() => 0,
			() => [],
		),
		decide: () => ({ allowed: true, reason: "" }),
		canAsk: () => true,
		ask: () => [],
		kinds: builtinKinds,
		schema: builtinSchema,
		convert: (converted) => converted,
	};
	admitMutating(request, view);
	admitValidating(request, view);
}

function refusal(action: () => void): StatusError {
	try {
		action();
	} catch (error) {
		if (error instanceof StatusError) return error;
		throw error;
	}
	throw new Error("it was let through");
}

const podOf = (spec: Partial<PodSpec> = {}): Pod & { spec: PodSpec } => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name: "p", namespace: "ns" },
	spec: { containers: [{ name: "app", image: "i" }], ...spec },
});
const configMap: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "ns" } };

describe("NamespaceLifecycle", () => {
	test("nothing is created in a namespace that is not there", () => {
		world.namespace = null;
		expect(refusal(() => run("CREATE", CONFIG_MAPS, configMap))).toMatchObject({ code: 404, message: 'namespaces "ns" not found' });
	});

	test("or in one that is going, while deletions and updates go on", () => {
		world.namespace = { ...(world.namespace as Namespace), status: { phase: "Terminating" } };
		const error = refusal(() => run("CREATE", CONFIG_MAPS, configMap));
		expect(error.message).toBe('configmaps "c" is forbidden: unable to create new content in namespace ns because it is being terminated');
		expect(error.status.details?.causes).toEqual([
			{ reason: "NamespaceTerminating", message: "namespace ns is being terminated", field: "metadata.namespace" },
		]);
		run("UPDATE", CONFIG_MAPS, configMap);
		run("DELETE", CONFIG_MAPS, configMap);
	});

	test.each(["default", "kube-system", "kube-public"])("%s cannot be deleted", (name) => {
		const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
		expect(refusal(() => run("DELETE", NAMESPACES, namespace)).message).toBe(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
		run("DELETE", NAMESPACES, { ...namespace, metadata: { name: "other" } });
	});
});

describe("ServiceAccount", () => {
	test("a pod gets the default account and its token in every container", () => {
		const pod = podOf({ initContainers: [{ name: "init", image: "i" }] });
		run("CREATE", PODS, pod);
		expect(pod.spec).toMatchObject({ serviceAccountName: "default", serviceAccount: "default" });
		const mount = { name: "kube-api-access-bcdfg", readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" };
		expect(pod.spec.containers[0]?.volumeMounts).toEqual([mount]);
		expect(pod.spec.initContainers?.[0]?.volumeMounts).toEqual([mount]);
		expect(pod.spec.volumes).toEqual([
			{
				name: "kube-api-access-bcdfg",
				projected: {
					sources: [
						{ serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
						{ configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
						{ downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
					],
					defaultMode: 420,
				},
			},
		]);
	});

	test("a container that mounts something there keeps it; a pod or account may opt out", () => {
		const volumeMounts = [{ name: "own", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }];
		const own = podOf({ containers: [{ name: "app", image: "i", volumeMounts }] });
		run("CREATE", PODS, own);
		expect(own.spec.volumes).toBeUndefined();
		const out = podOf({ automountServiceAccountToken: false });
		run("CREATE", PODS, out);
		expect(out.spec.volumes).toBeUndefined();
		world.objects["serviceaccounts"] = [{ ...account, automountServiceAccountToken: false } as ServiceAccount];
		const byAccount = podOf();
		run("CREATE", PODS, byAccount);
		expect(byAccount.spec.volumes).toBeUndefined();
	});

	test("pull secrets come from the account unless the pod has its own", () => {
		world.objects["serviceaccounts"] = [{ ...account, imagePullSecrets: [{ name: "registry" }] } as ServiceAccount];
		const pod = podOf();
		run("CREATE", PODS, pod);
		expect(pod.spec.imagePullSecrets).toEqual([{ name: "registry" }]);
		const own = podOf({ imagePullSecrets: [{ name: "mine" }] });
		run("CREATE", PODS, own);
		expect(own.spec.imagePullSecrets).toEqual([{ name: "mine" }]);
	});

	test("an account that is not there", () => {
		expect(refusal(() => run("CREATE", PODS, podOf({ serviceAccountName: "bot" }))).message).toBe(
			'pods "p" is forbidden: error looking up service account ns/bot: serviceaccount "bot" not found',
		);
	});
});

describe("DefaultTolerationSeconds", () => {
	test("adds the two tolerations, except where the pod has its own", () => {
		const pod = podOf({ tolerations: [{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 }] });
		run("CREATE", PODS, pod);
		expect(pod.spec.tolerations).toEqual([
			{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 },
			{ key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
		]);
		const everything = podOf({ tolerations: [{ operator: "Exists" }] });
		run("CREATE", PODS, everything);
		expect(everything.spec.tolerations).toEqual([{ operator: "Exists" }]);
	});
});

describe("Priority", () => {
	const high: PriorityClass = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "high" }, value: 1000, preemptionPolicy: "Never" };

	test("no class: 0, preempting", () => {
		const pod = podOf();
		run("CREATE", PODS, pod);
		expect(pod.spec).toMatchObject({ priority: 0, preemptionPolicy: "PreemptLowerPriority" });
		expect(pod.spec.priorityClassName).toBeUndefined();
	});

	test("a class, a default class, a class of the system's", () => {
		world.classes = [high, { ...high, metadata: { name: "usual" }, value: 7, globalDefault: true }];
		const named = podOf({ priorityClassName: "high" });
		run("CREATE", PODS, named);
		expect(named.spec).toMatchObject({ priority: 1000, preemptionPolicy: "Never" });
		const usual = podOf();
		run("CREATE", PODS, usual);
		expect(usual.spec).toMatchObject({ priorityClassName: "usual", priority: 7 });
		const system = podOf({ priorityClassName: "system-node-critical" });
		run("CREATE", PODS, system);
		expect(system.spec.priority).toBe(2_000_001_000);
	});

	test("refusals", () => {
		expect(refusal(() => run("CREATE", PODS, podOf({ priorityClassName: "none" }))).message).toBe(
			'pods "p" is forbidden: no PriorityClass with name none was found',
		);
		expect(refusal(() => run("CREATE", PODS, podOf({ priority: 5 }))).message).toBe(
			'pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
		);
		world.classes = [{ ...high, globalDefault: true }];
		expect(refusal(() => run("CREATE", PRIORITY_CLASSES, { ...high, metadata: { name: "second" }, globalDefault: true } as PriorityClass)).message).toBe(
			'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass high is already marked as default. Only one default can exist',
		);
	});
});

describe("LimitRanger", () => {
	const limits = (...items: LimitRangeItem[]): void => {
		world.objects["limitranges"] = [{ apiVersion: "v1", kind: "LimitRange", metadata: { name: "l" }, spec: { limits: items } } as LimitRange];
	};
	const withResources = (resources: object, more: Partial<PodSpec> = {}): ReturnType<typeof podOf> =>
		podOf({ containers: [{ name: "app", image: "i", resources }], ...more });

	test("fills what is missing and leaves a note", () => {
		limits({ type: "Container", default: { cpu: "1", memory: "1Gi" }, defaultRequest: { cpu: "100m" } });
		const pod = withResources({ limits: { cpu: "2" } });
		run("CREATE", PODS, pod);
		expect(pod.spec.containers[0]?.resources).toEqual({ limits: { cpu: "2", memory: "1Gi" }, requests: { cpu: "100m" } });
		expect(pod.metadata.annotations).toEqual({
			"kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container app; memory limit for container app",
		});
	});

	test.each([
		[{ type: "Container", min: { cpu: "200m" } }, { requests: { cpu: "100m" } }, "minimum cpu usage per Container is 200m, but request is 100m"],
		[{ type: "Container", min: { cpu: "200m" } }, {}, "minimum cpu usage per Container is 200m.  No request is specified"],
		[{ type: "Container", max: { memory: "1Gi" } }, { limits: { memory: "2Gi" } }, "maximum memory usage per Container is 1Gi, but limit is 2Gi"],
		[{ type: "Container", max: { memory: "1Gi" } }, {}, "maximum memory usage per Container is 1Gi.  No limit is specified"],
		[
			{ type: "Container", maxLimitRequestRatio: { cpu: "2" } },
			{ requests: { cpu: "100m" }, limits: { cpu: "300m" } },
			"cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
		],
		[
			{ type: "Container", max: { cpu: "1", memory: "1Gi" } },
			{ limits: { cpu: "2", memory: "2Gi" } },
			"[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]",
		],
		[{ type: "Pod", max: { cpu: "1" } }, { limits: { cpu: "1500m" } }, "maximum cpu usage per Pod is 1, but limit is 1500m"],
	] as [LimitRangeItem, object, string][])("%j refuses %j", (item, resources, expected) => {
		limits(item);
		expect(refusal(() => run("CREATE", PODS, withResources(resources))).message).toBe(`pods "p" is forbidden: ${expected}`);
	});

	test("a pod's sum counts sidecars and the largest init container", () => {
		limits({ type: "Pod", max: { cpu: "1" } });
		const container = (name: string, cpu: string, more: object = {}) => ({ name, image: "i", resources: { limits: { cpu } }, ...more });
		const sidecar = container("side", "300m", { restartPolicy: "Always" });
		run("CREATE", PODS, podOf({ containers: [container("a", "600m")], initContainers: [sidecar, container("init", "700m")] }));
		expect(refusal(() => run("CREATE", PODS, podOf({ containers: [container("a", "800m")], initContainers: [sidecar] }))).message).toContain(
			"but limit is 1100m",
		);
		expect(
			refusal(() => run("CREATE", PODS, podOf({ containers: [container("a", "100m")], initContainers: [sidecar, container("init", "900m")] }))).message,
		).toContain("but limit is 1200m");
	});

	test("claims have bounds, pods' updates none", () => {
		limits({ type: "PersistentVolumeClaim", max: { storage: "1Gi" } }, { type: "Container", min: { cpu: "1" } });
		const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "v" }, spec: { resources: { requests: { storage: "2Gi" } } } };
		expect(refusal(() => run("CREATE", CLAIMS, claim as KubeObject)).message).toBe(
			'persistentvolumeclaims "v" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi',
		);
		run("UPDATE", PODS, podOf());
	});
});

describe("NodeRestriction", () => {
	const agent = { user: { name: "system:node:n1", groups: ["system:nodes"] } };
	const node = (name: string, more: object = {}): KubeObject => ({ apiVersion: "v1", kind: "Node", metadata: { name, ...more } });
	const mirror = (more: object = {}): KubeObject => ({
		...podOf({ nodeName: "n1", ...more }),
		metadata: {
			name: "p",
			annotations: { "kubernetes.io/config.mirror": "x" },
			ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n1", uid: "u", controller: true }],
		},
	});

	test("an agent writes its own node, without taints and without others' labels", () => {
		run("CREATE", NODES, node("n1", { labels: { "kubernetes.io/hostname": "h", mine: "1", "node.kubernetes.io/x": "1" } }), agent);
		expect(refusal(() => run("CREATE", NODES, node("n2"), agent)).message).toBe('nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"');
		const labelled = node("n1", { labels: { "node-restriction.kubernetes.io/tenant": "a", "node-role.kubernetes.io/admin": "" } });
		expect(refusal(() => run("CREATE", NODES, labelled, agent)).message).toContain(
			"is not allowed to set the following labels: node-restriction.kubernetes.io/tenant, node-role.kubernetes.io/admin",
		);
		const tainted = { ...node("n1"), spec: { taints: [{ key: "a", effect: "NoSchedule" }] } } as KubeObject;
		expect(refusal(() => run("UPDATE", NODES, node("n1"), { ...agent, old: tainted })).message).toContain('node "n1" is not allowed to modify taints');
		run("CREATE", NODES, node("n2"));
	});

	test("an agent makes no pods but the mirrors of its own", () => {
		expect(refusal(() => run("CREATE", PODS, podOf({ nodeName: "n1" }), agent)).message).toContain("can only create mirror pods");
		run("CREATE", PODS, mirror(), agent);
		expect(refusal(() => run("CREATE", PODS, mirror({ nodeName: "n2" }), agent)).message).toContain("spec.nodeName set to itself");
		const secretEnv = [{ name: "app", image: "i", env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }] }];
		expect(refusal(() => run("CREATE", PODS, mirror({ containers: secretEnv }), agent)).message).toContain("can not create pods that reference secrets");
	});

	test("an agent reports on and deletes the pods it runs", () => {
		const own = podOf({ nodeName: "n1" });
		const other = podOf({ nodeName: "n2" });
		run("UPDATE", PODS, own, { ...agent, subresource: "status" });
		run("DELETE", PODS, own, agent);
		expect(refusal(() => run("UPDATE", PODS, other, { ...agent, subresource: "status" })).message).toContain("can only update pod status for pods");
		expect(refusal(() => run("DELETE", PODS, other, agent)).message).toContain("can only delete pods");
		expect(refusal(() => run("UPDATE", PODS, own, agent)).message).toContain("unexpected operation UPDATE");
	});

	test("an agent keeps its own lease", () => {
		const lease = (name: string): KubeObject => ({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name } });
		const there = { ...agent, namespace: "kube-node-lease" };
		run("CREATE", LEASES, lease("n1"), there);
		expect(refusal(() => run("CREATE", LEASES, lease("n2"), there)).message).toContain("same name as the requesting node");
		expect(refusal(() => run("CREATE", LEASES, lease("n1"), agent)).message).toContain('only access leases in the "kube-node-lease" system namespace');
	});
});

test("plugins for pods leave other kinds and pods' subresources alone", () => {
	const status = podOf();
	run("UPDATE", PODS, status, { subresource: "status" });
	expect(status).toEqual(podOf());
	run("CREATE", CONFIG_MAPS, configMap);
	expect(configMap).toEqual({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "ns" } });
});

describe("administrators' access to devices", () => {
	const kind = (plural: string): KindDefinition => builtinKinds.byStoreName(`resource.k8s.io/${plural}`) as KindDefinition;
	const devices = { requests: [{ name: "r", exactly: { deviceClassName: "gpu", adminAccess: true } }] };
	const made = (name: string, spec: object): KubeObject => ({ apiVersion: "resource.k8s.io/v1", kind: name, metadata: { name: "c" }, spec }) as KubeObject;
	const rule = "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace";
	const claims: [string, KubeObject][] = [
		["resourceclaims", made("ResourceClaim", { devices })],
		["resourceclaimtemplates", made("ResourceClaimTemplate", { spec: { devices } })],
	];

	test.each(claims)("is for %s of namespaces that allow it", (plural, object) => {
		expect(refusal(() => run("CREATE", kind(plural), object)).message).toContain(`spec.devices.requests[0].adminAccess: ${rule}`);
		run("CREATE", kind(plural), made("ResourceClaim", { devices: {} }));
		if (world.namespace) world.namespace.metadata.labels = { "resource.kubernetes.io/admin-access": "true" };
		run("CREATE", kind(plural), object);
	});

	test("is not given by a status either", () => {
		const old = made("ResourceClaim", { devices });
		const results = [{ request: "r", driver: "d", pool: "p", device: "x", adminAccess: true }];
		const next = { ...old, status: { allocation: { devices: { results } } } } as KubeObject;
		const write = { old, subresource: "status" };
		expect(refusal(() => run("UPDATE", kind("resourceclaims"), next, write)).message).toContain(`status.allocation.devices.results[0].adminAccess: ${rule}`);
		run("UPDATE", kind("resourceclaims"), next, { ...write, old: next });
	});
});
