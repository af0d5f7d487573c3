/** Pods and containers in CRI's words, as kubelet's kuberuntime package translates them. */
import { join } from "node:path";
import type { Message } from "../../../core/codec/message.ts";
import { SYSTEM_PRIORITY_CLASSES } from "../../../core/kinds/priority-class.ts";
import { qosClassOf } from "../../../core/kinds/qos.ts";
import type { AppArmorProfile, Container, Pod, SeccompProfile } from "../../../core/schema/kubernetes.d.ts";
import { isSidecar } from "../../pod-names.ts";
import { parseQuantityNumber } from "../../quantity-number.ts";
import type { ContainerConfig, Mount, SandboxConfig } from "../runtime.ts";

export const LABELS = {
	podName: "io.kubernetes.pod.name",
	podNamespace: "io.kubernetes.pod.namespace",
	podUid: "io.kubernetes.pod.uid",
	container: "io.kubernetes.container.name",
} as const;

export const ANNOTATIONS = {
	specHash: "petrel.dev/spec-hash",
	image: "petrel.dev/image",
	cgroupParent: "petrel.dev/cgroup-parent",
	hostPorts: "petrel.dev/host-ports",
} as const;

/** NamespaceMode */
const MODE_POD = 0;
const MODE_CONTAINER = 1;
const MODE_NODE = 2;
const MODE_TARGET = 3;
/** SecurityProfile.ProfileType */
const PROFILES: Record<SeccompProfile["type"], number> = { RuntimeDefault: 0, Unconfined: 1, Localhost: 2 };
/** MountPropagation */
const PROPAGATIONS = { HostToContainer: 1, Bidirectional: 2 } as const;
const CPU_PERIOD_US = 100_000;
const CPU_QUOTA_US_MIN = 1000;
const CPU_SHARES_PER_CPU = 1024;
const CPU_SHARES_MIN = 2;
const CPU_SHARES_MAX = 262_144;
/** kubelet's pkg/kubelet/qos/policy.go */
const OOM_SCORE_GUARANTEED = -997;
const OOM_SCORE_BEST_EFFORT = 1000;
const OOM_SCORE_BURSTABLE = 999;
/** kubelet's pkg/securitycontext: what a container does not see of /proc and /sys. */
const MASKED_PATHS = [
	"/proc/asound",
	"/proc/acpi",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
];
const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

function podLabels(pod: Pod): Record<string, string> {
	const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
	return { ...pod.metadata?.labels, [LABELS.podName]: name, [LABELS.podNamespace]: namespace, [LABELS.podUid]: uid };
}

function namespaceOptions(pod: Pod): Message {
	const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec ?? {};
	return {
		network: hostNetwork === true ? MODE_NODE : MODE_POD,
		pid: hostPID === true ? MODE_NODE : shareProcessNamespace === true ? MODE_POD : MODE_CONTAINER,
		ipc: hostIPC === true ? MODE_NODE : MODE_POD,
	};
}

function int64(value: number | undefined): Message | undefined {
	return value === undefined ? undefined : { value };
}

/** Profiles of the node's own lie below `seccompDirectory`. */
function seccompOf(profile: SeccompProfile | undefined, seccompDirectory: string): Message {
	if (profile === undefined) return { profileType: PROFILES.Unconfined };
	const { type, localhostProfile } = profile;
	return { profileType: PROFILES[type], ...(localhostProfile ? { localhostRef: join(seccompDirectory, localhostProfile) } : {}) };
}

function appArmorOf(profile: AppArmorProfile | undefined): Message | undefined {
	return profile && { profileType: PROFILES[profile.type], ...(profile.localhostProfile ? { localhostRef: profile.localhostProfile } : {}) };
}

export interface HostPort {
	protocol: string;
	hostPort: number;
	containerPort: number;
}

/** Ports of the node that lead to the pod; none with hostNetwork, where they are the same port. */
export function hostPortsOf(pod: Pod): HostPort[] {
	if (pod.spec?.hostNetwork === true) return [];
	const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
	return ports.flatMap(({ hostPort, containerPort, protocol = "TCP" }) => (hostPort ? [{ protocol, hostPort, containerPort }] : []));
}

export function sandboxConfigOf(config: SandboxConfig, cgroupParent: string, attempt: number): Message {
	const { pod } = config;
	const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
	const context = pod.spec?.securityContext;
	const sysctls = Object.fromEntries((context?.sysctls ?? []).map((one) => [one.name, one.value]));
	return {
		metadata: { name, uid, namespace, attempt },
		hostname: pod.spec?.hostNetwork === true ? "" : config.hostname,
		logDirectory: config.logDirectory,
		dnsConfig: config.dns,
		labels: podLabels(pod),
		annotations: { ...pod.metadata?.annotations, [ANNOTATIONS.cgroupParent]: cgroupParent, [ANNOTATIONS.hostPorts]: JSON.stringify(hostPortsOf(pod)) },
		linux: {
			cgroupParent,
			sysctls,
			securityContext: {
				namespaceOptions: namespaceOptions(pod),
				privileged: (pod.spec?.containers ?? []).some((container) => container.securityContext?.privileged === true),
				supplementalGroups: supplementalGroups(pod),
				supplementalGroupsPolicy: groupsPolicy(pod),
				selinuxOptions: context?.seLinuxOptions,
				seccomp: { profileType: PROFILES.RuntimeDefault },
			},
		},
	};
}

/** SupplementalGroupsPolicy: whether the image's own /etc/group counts too. */
const groupsPolicy = (pod: Pod): number => (pod.spec?.securityContext?.supplementalGroupsPolicy === "Strict" ? 1 : 0);

function supplementalGroups(pod: Pod): number[] {
	const context = pod.spec?.securityContext;
	return [...(context?.supplementalGroups ?? []), ...(context?.fsGroup === undefined ? [] : [context.fsGroup])];
}

function amount(list: Record<string, string> | undefined, resource: string): number {
	const text = list?.[resource];
	return text === undefined ? 0 : parseQuantityNumber(text);
}

/** kubelet's GetContainerOOMScoreAdjust: by the pod's class, among burstable ones by the share of memory asked for. */
function oomScore(pod: Pod, container: Container, memoryBytes: number): number {
	if ((pod.spec?.priority ?? 0) >= (SYSTEM_PRIORITY_CLASSES["system-node-critical"] ?? Number.POSITIVE_INFINITY)) return OOM_SCORE_GUARANTEED;
	const qos = qosClassOf(pod);
	if (qos !== "Burstable") return qos === "Guaranteed" ? OOM_SCORE_GUARANTEED : OOM_SCORE_BEST_EFFORT;
	const score = (one: Container): number => {
		const adjusted = OOM_SCORE_BEST_EFFORT - Math.floor((1000 * memoryRequest(pod, one)) / memoryBytes);
		return Math.min(Math.max(adjusted, OOM_SCORE_BEST_EFFORT + OOM_SCORE_GUARANTEED), OOM_SCORE_BURSTABLE);
	};
	// A sidecar goes no sooner than what it serves.
	return isSidecar(container) ? Math.min(score(container), ...(pod.spec?.containers ?? []).map(score)) : score(container);
}

/** With an even share of what the pod as a whole asks for beyond its containers. */
function memoryRequest(pod: Pod, container: Container): number {
	const { requests, limits } = container.resources ?? {};
	const own = requests?.memory === undefined ? amount(limits, "memory") : amount(requests, "memory");
	const whole = amount(pod.spec?.resources?.requests, "memory");
	const containers = pod.spec?.containers ?? [];
	if (whole === 0 || containers.length === 0) return own;
	const asked = containers.reduce((sum, one) => sum + amount(one.resources?.requests, "memory"), 0);
	return own + Math.max(0, whole - asked) / containers.length;
}

/** "hugepages-2Mi" limits the pages of "2MB". */
function hugepagesOf(limits: Record<string, string> | undefined): Message {
	const found = Object.entries(limits ?? {}).flatMap(([name, text]) => {
		const [, number, unit = ""] = /^hugepages-(\d+)(Ki|Mi|Gi)$/.exec(name) ?? [];
		return number === undefined ? [] : [{ pageSize: `${number}${unit[0]}B`, limit: parseQuantityNumber(text) }];
	});
	return found.length > 0 ? { hugepageLimits: found } : {};
}

/** kubelet's calculateLinuxResources: requests become weights, limits quotas. `memoryBytes` is the machine's. */
export function resourcesOf(pod: Pod, container: Container, memoryBytes: number): Message {
	const { requests, limits } = container.resources ?? {};
	const cpuLimit = amount(limits, "cpu");
	const cpuRequest = requests?.cpu === undefined ? cpuLimit : amount(requests, "cpu");
	const shares = Math.floor(cpuRequest * CPU_SHARES_PER_CPU);
	return {
		cpuPeriod: CPU_PERIOD_US,
		cpuQuota: cpuLimit === 0 ? 0 : Math.max(Math.round(cpuLimit * CPU_PERIOD_US), CPU_QUOTA_US_MIN),
		cpuShares: Math.min(Math.max(shares, CPU_SHARES_MIN), CPU_SHARES_MAX),
		memoryLimitInBytes: Math.ceil(amount(limits, "memory")),
		oomScoreAdj: oomScore(pod, container, memoryBytes),
		...hugepagesOf(limits),
	};
}

/** In a pod that shares its processes anyway there is nothing to aim at. */
function containerNamespaces({ pod, targetId }: ContainerConfig): Message {
	const options = namespaceOptions(pod);
	return targetId !== undefined && options.pid === MODE_CONTAINER ? { ...options, pid: MODE_TARGET, targetId } : options;
}

function securityContextOf(config: ContainerConfig, seccompDirectory: string): Message {
	const { pod, container } = config;
	const own = container.securityContext;
	const shared = pod.spec?.securityContext;
	const privileged = own?.privileged === true;
	const bare = privileged || own?.procMount === "Unmasked";
	return {
		capabilities: { addCapabilities: own?.capabilities?.add, dropCapabilities: own?.capabilities?.drop },
		privileged,
		namespaceOptions: containerNamespaces(config),
		runAsUser: int64(own?.runAsUser ?? shared?.runAsUser),
		runAsGroup: int64(own?.runAsGroup ?? shared?.runAsGroup),
		readonlyRootfs: own?.readOnlyRootFilesystem === true,
		supplementalGroups: supplementalGroups(pod),
		supplementalGroupsPolicy: groupsPolicy(pod),
		selinuxOptions: own?.seLinuxOptions ?? shared?.seLinuxOptions,
		apparmor: privileged ? undefined : appArmorOf(own?.appArmorProfile ?? shared?.appArmorProfile),
		noNewPrivs: own?.allowPrivilegeEscalation === false,
		maskedPaths: bare ? [] : MASKED_PATHS,
		readonlyPaths: bare ? [] : READONLY_PATHS,
		seccomp: privileged ? { profileType: PROFILES.Unconfined } : seccompOf(own?.seccompProfile ?? shared?.seccompProfile, seccompDirectory),
	};
}

const mountOf = ({ containerPath, hostPath, readOnly, propagation }: Mount): Message => ({
	containerPath,
	hostPath,
	readonly: readOnly,
	...(propagation ? { propagation: PROPAGATIONS[propagation] } : {}),
});

export function containerConfigOf(config: ContainerConfig, memoryBytes: number, seccompDirectory: string): Message {
	const { pod, container } = config;
	return {
		metadata: { name: container.name, attempt: config.attempt },
		image: { image: config.imageRef },
		command: config.command,
		args: config.args,
		workingDir: container.workingDir,
		envs: config.env.map(({ name, value }) => ({ key: name, value })),
		mounts: config.mounts.map(mountOf),
		labels: { ...podLabels(pod), [LABELS.container]: container.name },
		devices: config.devices,
		CDIDevices: config.cdiDevices?.map((name) => ({ name })),
		annotations: { ...config.annotations, [ANNOTATIONS.specHash]: config.specHash, [ANNOTATIONS.image]: config.imageRef },
		logPath: config.logPath,
		stdin: container.stdin === true,
		stdinOnce: container.stdinOnce === true,
		tty: container.tty === true,
		linux: { resources: resourcesOf(pod, container, memoryBytes), securityContext: securityContextOf(config, seccompDirectory) },
	};
}
