import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../errors/field-error.ts";
import type { Container, Pod, PodSpec } from "../schema/kubernetes.d.ts";
import type { HookContext } from "./define-kind.ts";
import { podKind } from "./pod.ts";

const ctx: HookContext = { nowMs: Date.parse("2026-01-01T00:00:00Z"), suffix: (n) => "x".repeat(n), user: { name: "u", groups: [] } };

function podOf(spec: Partial<PodSpec> = {}): Pod {
	const pod: Pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "p", namespace: "default" },
		spec: { containers: [{ name: "c", image: "nginx:1" }], ...structuredClone(spec) },
	};
	podKind.defaults?.(pod);
	return pod;
}

const withContainer = (more: Partial<Container>): Partial<PodSpec> => ({ containers: [{ name: "c", image: "nginx:1", ...more }] });
const broken = (spec: Partial<PodSpec>): string[] => podKind.validate(podOf(spec)).map(fieldErrorText);

describe("the defaults of a pod", () => {
	it("are upstream's", () => {
		const pod = podOf(
			withContainer({
				resources: { limits: { cpu: "1" } },
				ports: [{ containerPort: 80 }],
				readinessProbe: { httpGet: { port: 80 } },
				env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
			}),
		);
		expect(pod.spec).toEqual({
			containers: [
				{
					name: "c",
					image: "nginx:1",
					imagePullPolicy: "IfNotPresent",
					terminationMessagePath: "/dev/termination-log",
					terminationMessagePolicy: "File",
					resources: { limits: { cpu: "1" }, requests: { cpu: "1" } },
					ports: [{ containerPort: 80, protocol: "TCP" }],
					readinessProbe: { httpGet: { port: 80, path: "/", scheme: "HTTP" }, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
					env: [{ name: "A", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } }],
				},
			],
			dnsPolicy: "ClusterFirst",
			restartPolicy: "Always",
			securityContext: {},
			terminationGracePeriodSeconds: 30,
			schedulerName: "default-scheduler",
			enableServiceLinks: true,
		});
	});

	it("change nothing when given twice", () => {
		const once = podOf({ volumes: [{ name: "v" }, { name: "s", secret: { secretName: "s" } }], serviceAccountName: "sa", hostNetwork: true });
		const twice = structuredClone(once);
		podKind.defaults?.(twice);
		expect(twice).toEqual(once);
		expect(once.spec?.volumes).toEqual([
			{ name: "v", emptyDir: {} },
			{ name: "s", secret: { secretName: "s", defaultMode: 420 } },
		]);
		expect(once.spec?.serviceAccount).toBe("sa");
	});

	it.each([
		["nginx", "Always"],
		["nginx:latest", "Always"],
		["registry:5000/nginx", "Always"],
		["registry:5000/nginx:1.2", "IfNotPresent"],
		[`nginx@sha256:${"a".repeat(64)}`, "IfNotPresent"],
		["", "IfNotPresent"],
	])("pull %s %s", (image, policy) => expect(podOf(withContainer({ image })).spec?.containers[0]?.imagePullPolicy).toBe(policy));
});

describe("the life of a pod", () => {
	it("begins pending, of a quality of service, at generation 1", () => {
		const pod = podOf(withContainer({ resources: { limits: { cpu: "1", memory: "1Gi" } } }));
		pod.status = { phase: "Running", podIP: "1.2.3.4" };
		podKind.prepareCreate?.(pod, ctx);
		expect(pod.status).toEqual({ phase: "Pending", qosClass: "Guaranteed" });
		expect(pod.metadata.generation).toBe(1);
	});

	it.each([
		[undefined, "BestEffort"],
		[{ requests: { cpu: "100m" } }, "Burstable"],
		[{ requests: { cpu: "0.5", memory: "1Gi" }, limits: { cpu: "500m", memory: "1024Mi" } }, "Guaranteed"],
		[{ requests: { cpu: "0" } }, "BestEffort"],
	])("has with %j the class %s", (resources, qosClass) => {
		const pod = podOf(withContainer(resources ? { resources } : {}));
		podKind.prepareCreate?.(pod, ctx);
		expect(pod.status?.qosClass).toBe(qosClass);
	});

	it("waits at its gates", () => {
		const pod = podOf({ schedulingGates: [{ name: "example.com/g" }] });
		podKind.prepareCreate?.(pod, ctx);
		expect(pod.status?.conditions).toEqual([
			{
				type: "PodScheduled",
				status: "False",
				reason: "SchedulingGated",
				message: "Scheduling is blocked due to non-empty scheduling gates",
				lastTransitionTime: "2026-01-01T00:00:00Z",
			},
		]);
	});

	it("keeps its status when the pod is written, and its spec when the status is", () => {
		const old = podOf();
		podKind.prepareCreate?.(old, ctx);
		const next = structuredClone(old);
		next.status = { phase: "Running" };
		if (next.spec?.containers[0]) next.spec.containers[0].image = "nginx:2";
		podKind.prepareUpdate?.(next, old, ctx);
		expect(next.status).toEqual(old.status);
		expect(next.metadata.generation).toBe(2);
		const reported = structuredClone(old);
		reported.status = { phase: "Running" };
		if (reported.spec) reported.spec.nodeName = "sneaky";
		podKind.subresources?.status?.prepareUpdate(reported, old, ctx);
		expect(reported.spec).toEqual(old.spec);
		expect(reported.status).toEqual({ phase: "Running", qosClass: "BestEffort" });
		expect(reported.metadata.generation).toBe(1);
	});

	it.each([
		["unscheduled", {}, undefined, undefined, 0],
		["scheduled", { nodeName: "n" }, undefined, undefined, 30],
		["with its own period", { nodeName: "n", terminationGracePeriodSeconds: 5 }, undefined, undefined, 5],
		["with a requested period", { nodeName: "n" }, undefined, 7, 7],
		["forced", { nodeName: "n" }, undefined, 0, 0],
		["finished", { nodeName: "n" }, "Succeeded", undefined, 0],
		["with a negative period", { nodeName: "n", terminationGracePeriodSeconds: -5 }, undefined, undefined, 1],
	])("ends, %s", (_, spec, phase, requested, seconds) => {
		const pod = podOf(spec);
		pod.status = { phase };
		expect(podKind.gracePeriodSeconds?.(pod, requested)).toBe(seconds);
	});

	it("takes ephemeral containers through their subresource alone", () => {
		const old = podOf();
		const next = podOf({ hostname: "changed", ephemeralContainers: [{ name: "debug", image: "busybox" }] });
		podKind.subresources?.object?.ephemeralcontainers?.prepareUpdate(next, old, ctx);
		expect(next.spec?.hostname).toBeUndefined();
		expect(next.spec?.ephemeralContainers?.map((c) => c.name)).toEqual(["debug"]);
		const errors = podKind.subresources?.object?.ephemeralcontainers?.validateUpdate?.(old, next) ?? [];
		expect(errors.map(fieldErrorText)).toEqual(['spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n']);
	});
});

const CASES: [string, Partial<PodSpec>, string[]][] = [
	["no container", { containers: [] }, ["spec.containers: Required value"]],
	["no name", withContainer({ name: "" }), ["spec.containers[0].name: Required value"]],
	["no image", withContainer({ image: undefined }), ["spec.containers[0].image: Required value"]],
	["a padded image", withContainer({ image: " a" }), ['spec.containers[0].image: Invalid value: " a": must not have leading or trailing whitespace']],
	[
		"one name twice",
		{ containers: [{ name: "c", image: "a" }], initContainers: [{ name: "c", image: "a" }] },
		['spec.initContainers[0].name: Duplicate value: "c"'],
	],
	["no port", withContainer({ ports: [{ containerPort: 0 }] }), ["spec.containers[0].ports[0].containerPort: Required value"]],
	[
		"a port too high",
		withContainer({ ports: [{ containerPort: 70000 }] }),
		["spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"],
	],
	[
		"an unknown protocol",
		withContainer({ ports: [{ containerPort: 80, protocol: "ICMP" }] }),
		['spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"'],
	],
	[
		"a host port twice",
		{
			containers: [
				{ name: "a", image: "a", ports: [{ containerPort: 80, hostPort: 80 }] },
				{ name: "b", image: "a", ports: [{ containerPort: 81, hostPort: 80 }] },
			],
		},
		['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"'],
	],
	["a mount of nothing", withContainer({ volumeMounts: [{ name: "v", mountPath: "/v" }] }), ['spec.containers[0].volumeMounts[0].name: Not found: "v"']],
	[
		"two mounts in one place",
		{
			...withContainer({
				volumeMounts: [
					{ name: "v", mountPath: "/v" },
					{ name: "v", mountPath: "/v" },
				],
			}),
			volumes: [{ name: "v" }],
		},
		['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
	],
	[
		"a path that climbs",
		{ ...withContainer({ volumeMounts: [{ name: "v", mountPath: "/v", subPath: "../x" }] }), volumes: [{ name: "v" }] },
		["spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../x\": must not contain '..'"],
	],
	["two volumes of one name", { volumes: [{ name: "v" }, { name: "v" }] }, ['spec.volumes[1].name: Duplicate value: "v"']],
	[
		"a volume of two sorts",
		{ volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/x" } }] },
		["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
	],
	["a secret volume without a name", { volumes: [{ name: "v", secret: {} }] }, ["spec.volumes[0].secret.secretName: Required value"]],
	[
		"a mode out of range",
		{ volumes: [{ name: "v", configMap: { name: "m", defaultMode: 512 } }] },
		["spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"],
	],
	[
		"a variable from two places",
		withContainer({ env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
		['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
	],
	[
		"an unknown field of the pod",
		withContainer({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.x" } } }] }),
		[
			'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.x": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
		],
	],
	["a probe of nothing", withContainer({ livenessProbe: {} }), ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]],
	[
		"a probe of two sorts",
		withContainer({ livenessProbe: { exec: { command: ["a"] }, tcpSocket: { port: 1 } } }),
		["spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"],
	],
	[
		"a liveness probe that must succeed twice",
		withContainer({ livenessProbe: { exec: { command: ["a"] }, successThreshold: 2 } }),
		["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
	],
	[
		"a request above its limit",
		withContainer({ resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }),
		['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
	],
	[
		"an unknown resource",
		withContainer({ resources: { limits: { gpu: "1" } } }),
		[
			'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
			'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
		],
	],
	[
		"half of a device",
		withContainer({ resources: { limits: { "example.com/gpu": "500m" } } }),
		[
			'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
			'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
		],
	],
	[
		"an unknown restart policy",
		{ restartPolicy: "Maybe" },
		['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "Never", "OnFailure"'],
	],
	["no name server", { dnsPolicy: "None" }, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]],
	[
		"a toleration of nothing",
		{ tolerations: [{ operator: "Equal" }] },
		['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"'],
	],
	[
		"seconds without an end",
		{ tolerations: [{ key: "a", operator: "Exists", effect: "NoSchedule", tolerationSeconds: 1 }] },
		["spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set"],
	],
	[
		"an affinity to no term",
		{ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } },
		["spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term"],
	],
	[
		"a skew of zero",
		{ topologySpreadConstraints: [{ maxSkew: 0, topologyKey: "z", whenUnsatisfiable: "DoNotSchedule", labelSelector: {} }] },
		["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
	],
	[
		"a gate and a node",
		{ schedulingGates: [{ name: "a" }], nodeName: "n" },
		["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
	],
	[
		"a probe of an init container",
		{ initContainers: [{ name: "i", image: "a", livenessProbe: { exec: { command: ["a"] } } }] },
		["spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"],
	],
	[
		"an ephemeral container from the start",
		{ ephemeralContainers: [{ name: "e", image: "a" }] },
		["spec.ephemeralContainers: Forbidden: cannot be set on create"],
	],
	[
		"a process namespace that is two",
		{ hostPID: true, shareProcessNamespace: true },
		["spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled"],
	],
];

describe("the rules of a pod", () => {
	it("let a good one pass", () => expect(broken({})).toEqual([]));
	it.each(CASES)("refuse %s", (_, spec, errors) => expect(broken(spec)).toEqual(errors));
});

describe("the rules of a resize", () => {
	const sized = (resources: Container["resources"]): Pod => {
		const pod = podOf(withContainer({ resources }));
		podKind.prepareCreate?.(pod, ctx);
		return pod;
	};
	const resize = (next: Pod, old: Pod): string[] => {
		podKind.subresources?.object?.resize?.prepareUpdate(next, old, ctx);
		return (podKind.subresources?.object?.resize?.validateUpdate?.(next, old) ?? []).map(fieldErrorText);
	};

	it("let cpu and memory change within a class", () => {
		const next = sized({ requests: { cpu: "2" } });
		expect(resize(next, sized({ requests: { cpu: "1" } }))).toEqual([]);
		expect(next.spec?.containers[0]?.resources).toEqual({ requests: { cpu: "2" } });
		expect(next.metadata.generation).toBe(2);
	});

	it("refuse another class and other resources", () => {
		expect(resize(sized({ limits: { cpu: "1", memory: "1Gi" } }), sized({ requests: { cpu: "1" } }))).toEqual([
			'spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing',
		]);
		expect(resize(sized({ requests: { cpu: "1", "ephemeral-storage": "1Gi" } }), sized({ requests: { cpu: "1" } }))).toEqual([
			"spec: Forbidden: only cpu and memory resources are mutable",
		]);
	});
});

describe("the rules of a pod's update", () => {
	const update = (next: Partial<PodSpec>, old: Partial<PodSpec> = {}): string[] =>
		(podKind.validateUpdate?.(podOf(next), podOf(old)) ?? []).map(fieldErrorText);

	it("let images, deadlines and new tolerations pass", () => {
		expect(update(withContainer({ image: "nginx:2", imagePullPolicy: "IfNotPresent" }))).toEqual([]);
		expect(update({ tolerations: [{ key: "a", operator: "Exists" }] })).toEqual([]);
		expect(update({ activeDeadlineSeconds: 5 }, { activeDeadlineSeconds: 9 })).toEqual([]);
		expect(update({}, { schedulingGates: [{ name: "a" }] })).toEqual([]);
	});

	it("refuse all else", () => {
		const [error] = update({ hostname: "x" });
		expect(error).toBe(
			"spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n" +
				'- spec.hostname: <unset>\n+ spec.hostname: "x"\n',
		);
		expect(update({ containers: [] })).toEqual(["spec.containers: Forbidden: pod updates may not add or remove containers"]);
		expect(update({ activeDeadlineSeconds: 9 }, { activeDeadlineSeconds: 5 })).toEqual([
			"spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value",
		]);
		expect(update({}, { tolerations: [{ key: "a", operator: "Exists" }] })).toEqual([
			"spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
		]);
		expect(update({ schedulingGates: [{ name: "a" }] })).toEqual([
			"spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'a'",
		]);
	});
});

describe("the warnings of a pod", () => {
	it("name what is old or hidden", () => {
		const pod = podOf({
			...withContainer({
				env: [
					{ name: "A", value: "1" },
					{ name: "A", value: "2" },
				],
				ports: [
					{ name: "a", containerPort: 80 },
					{ name: "b", containerPort: 80 },
				],
				resources: { requests: { memory: "0.5" } },
			}),
			nodeSelector: { "beta.kubernetes.io/os": "linux" },
		});
		expect(podKind.warnings?.(pod, undefined)).toEqual([
			'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
			'spec.containers[0].resources.requests[memory]: fractional byte value "0.5" is invalid, must be an integer',
			'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
			"spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
		]);
	});
});
