/** Messages of the Container Runtime Interface v1 (k8s.io/cri-api, runtime.v1), as far as the agent uses them. */
import type { MessageField, MessageType, ScalarKind } from "../../../core/codec/message.ts";

/** number: [name, type], with [] around the type for repeated fields. */
type FieldSpec = ScalarKind | MessageType | { map: "string" | MessageType };
export type Field = readonly [name: string, type: FieldSpec | readonly [FieldSpec]];

function fieldOf(number: number, name: string, spec: FieldSpec | readonly [FieldSpec]): MessageField {
	const repeated = Array.isArray(spec);
	const one = (repeated ? spec[0] : spec) as FieldSpec;
	if (typeof one === "string") return { number, name, type: one, repeated, packed: repeated && one !== "string" && one !== "bytes" };
	if ("map" in one) {
		const { map } = one;
		return { number, name, type: { map: { key: "string", value: typeof map === "string" ? map : { message: () => map } } } };
	}
	return { number, name, type: { message: () => one }, repeated };
}

/** A message type from its fields by number. */
export function messageOf(name: string, fields: Record<number, Field>): MessageType {
	return { name, fields: Object.entries(fields).map(([number, [fieldName, type]]) => fieldOf(Number(number), fieldName, type)) };
}

const STRINGS = { map: "string" } as const;

export const Empty = messageOf("Empty", {});
const Int64Value = messageOf("Int64Value", { 1: ["value", "int64"] });
const KeyValue = messageOf("KeyValue", { 1: ["key", "string"], 2: ["value", "string"] });
const ImageSpec = messageOf("ImageSpec", { 1: ["image", "string"], 2: ["annotations", STRINGS] });
const SecurityProfile = messageOf("SecurityProfile", { 1: ["profileType", "enum"], 2: ["localhostRef", "string"] });
const Capability = messageOf("Capability", { 1: ["addCapabilities", ["string"]], 2: ["dropCapabilities", ["string"]] });
const NamespaceOption = messageOf("NamespaceOption", { 1: ["network", "enum"], 2: ["pid", "enum"], 3: ["ipc", "enum"], 4: ["targetId", "string"] });
const DNSConfig = messageOf("DNSConfig", { 1: ["servers", ["string"]], 2: ["searches", ["string"]], 3: ["options", ["string"]] });
const PodSandboxMetadata = messageOf("PodSandboxMetadata", {
	1: ["name", "string"],
	2: ["uid", "string"],
	3: ["namespace", "string"],
	4: ["attempt", "uint32"],
});
const PortMapping = messageOf("PortMapping", { 1: ["protocol", "enum"], 2: ["containerPort", "int32"], 3: ["hostPort", "int32"], 4: ["hostIp", "string"] });

const SELinuxOption = messageOf("SELinuxOption", { 1: ["user", "string"], 2: ["role", "string"], 3: ["type", "string"], 4: ["level", "string"] });
const LinuxSandboxSecurityContext = messageOf("LinuxSandboxSecurityContext", {
	1: ["namespaceOptions", NamespaceOption],
	3: ["runAsUser", Int64Value],
	4: ["readonlyRootfs", "bool"],
	5: ["supplementalGroups", ["int64"]],
	6: ["privileged", "bool"],
	8: ["runAsGroup", Int64Value],
	2: ["selinuxOptions", SELinuxOption],
	9: ["seccomp", SecurityProfile],
	10: ["apparmor", SecurityProfile],
	11: ["supplementalGroupsPolicy", "enum"],
});
const LinuxPodSandboxConfig = messageOf("LinuxPodSandboxConfig", {
	1: ["cgroupParent", "string"],
	2: ["securityContext", LinuxSandboxSecurityContext],
	3: ["sysctls", STRINGS],
});
const PodSandboxConfig = messageOf("PodSandboxConfig", {
	1: ["metadata", PodSandboxMetadata],
	2: ["hostname", "string"],
	3: ["logDirectory", "string"],
	4: ["dnsConfig", DNSConfig],
	5: ["portMappings", [PortMapping]],
	6: ["labels", STRINGS],
	7: ["annotations", STRINGS],
	8: ["linux", LinuxPodSandboxConfig],
});
const PodSandbox = messageOf("PodSandbox", {
	1: ["id", "string"],
	2: ["metadata", PodSandboxMetadata],
	3: ["state", "enum"],
	4: ["createdAt", "int64"],
	5: ["labels", STRINGS],
	6: ["annotations", STRINGS],
});
const PodSandboxNetworkStatus = messageOf("PodSandboxNetworkStatus", {
	1: ["ip", "string"],
	2: ["additionalIps", [messageOf("PodIP", { 1: ["ip", "string"] })]],
});
const PodSandboxStatus = messageOf("PodSandboxStatus", {
	1: ["id", "string"],
	2: ["metadata", PodSandboxMetadata],
	3: ["state", "enum"],
	4: ["createdAt", "int64"],
	5: ["network", PodSandboxNetworkStatus],
	7: ["labels", STRINGS],
	8: ["annotations", STRINGS],
});

const ContainerMetadata = messageOf("ContainerMetadata", { 1: ["name", "string"], 2: ["attempt", "uint32"] });
const Mount = messageOf("Mount", { 1: ["containerPath", "string"], 2: ["hostPath", "string"], 3: ["readonly", "bool"], 5: ["propagation", "enum"] });
const Device = messageOf("Device", { 1: ["containerPath", "string"], 2: ["hostPath", "string"], 3: ["permissions", "string"] });
const LinuxContainerResources = messageOf("LinuxContainerResources", {
	1: ["cpuPeriod", "int64"],
	2: ["cpuQuota", "int64"],
	3: ["cpuShares", "int64"],
	4: ["memoryLimitInBytes", "int64"],
	5: ["oomScoreAdj", "int64"],
	8: ["hugepageLimits", [messageOf("HugepageLimit", { 1: ["pageSize", "string"], 2: ["limit", "uint64"] })]],
});
const LinuxContainerSecurityContext = messageOf("LinuxContainerSecurityContext", {
	1: ["capabilities", Capability],
	2: ["privileged", "bool"],
	3: ["namespaceOptions", NamespaceOption],
	4: ["selinuxOptions", SELinuxOption],
	5: ["runAsUser", Int64Value],
	6: ["runAsUsername", "string"],
	7: ["readonlyRootfs", "bool"],
	8: ["supplementalGroups", ["int64"]],
	11: ["noNewPrivs", "bool"],
	12: ["runAsGroup", Int64Value],
	13: ["maskedPaths", ["string"]],
	14: ["readonlyPaths", ["string"]],
	15: ["seccomp", SecurityProfile],
	16: ["apparmor", SecurityProfile],
	17: ["supplementalGroupsPolicy", "enum"],
});
const LinuxContainerConfig = messageOf("LinuxContainerConfig", {
	1: ["resources", LinuxContainerResources],
	2: ["securityContext", LinuxContainerSecurityContext],
});
const ContainerConfig = messageOf("ContainerConfig", {
	1: ["metadata", ContainerMetadata],
	2: ["image", ImageSpec],
	3: ["command", ["string"]],
	4: ["args", ["string"]],
	5: ["workingDir", "string"],
	6: ["envs", [KeyValue]],
	7: ["mounts", [Mount]],
	8: ["devices", [Device]],
	9: ["labels", STRINGS],
	10: ["annotations", STRINGS],
	11: ["logPath", "string"],
	12: ["stdin", "bool"],
	13: ["stdinOnce", "bool"],
	14: ["tty", "bool"],
	15: ["linux", LinuxContainerConfig],
	17: ["CDIDevices", [messageOf("CDIDevice", { 1: ["name", "string"] })]],
});
const Container = messageOf("Container", {
	1: ["id", "string"],
	2: ["podSandboxId", "string"],
	3: ["metadata", ContainerMetadata],
	4: ["image", ImageSpec],
	5: ["imageRef", "string"],
	6: ["state", "enum"],
	7: ["createdAt", "int64"],
	8: ["labels", STRINGS],
	9: ["annotations", STRINGS],
});
const ContainerStatus = messageOf("ContainerStatus", {
	1: ["id", "string"],
	2: ["metadata", ContainerMetadata],
	3: ["state", "enum"],
	4: ["createdAt", "int64"],
	5: ["startedAt", "int64"],
	6: ["finishedAt", "int64"],
	7: ["exitCode", "int32"],
	8: ["image", ImageSpec],
	9: ["imageRef", "string"],
	10: ["reason", "string"],
	11: ["message", "string"],
	12: ["labels", STRINGS],
	13: ["annotations", STRINGS],
	15: ["logPath", "string"],
});
const Image = messageOf("Image", {
	1: ["id", "string"],
	2: ["repoTags", ["string"]],
	3: ["repoDigests", ["string"]],
	4: ["size", "uint64"],
	5: ["uid", Int64Value],
	6: ["username", "string"],
	8: ["pinned", "bool"],
});
const AuthConfig = messageOf("AuthConfig", { 1: ["username", "string"], 2: ["password", "string"] });
const RuntimeCondition = messageOf("RuntimeCondition", { 1: ["type", "string"], 2: ["status", "bool"], 3: ["reason", "string"], 4: ["message", "string"] });

const RuntimeHandlerFeatures = messageOf("RuntimeHandlerFeatures", { 1: ["recursiveReadOnlyMounts", "bool"], 2: ["userNamespaces", "bool"] });
const RuntimeHandler = messageOf("RuntimeHandler", { 1: ["name", "string"], 2: ["features", RuntimeHandlerFeatures] });

const podSandboxId = { 1: ["podSandboxId", "string"] } as const;
const containerId = { 1: ["containerId", "string"] } as const;
const runtime = (name: string, request: Record<number, Field>, response: Record<number, Field>) => ({
	path: `/runtime.v1.RuntimeService/${name}`,
	request: messageOf(`${name}Request`, request),
	response: messageOf(`${name}Response`, response),
});
const image = (name: string, request: Record<number, Field>, response: Record<number, Field>) => ({
	path: `/runtime.v1.ImageService/${name}`,
	request: messageOf(`${name}Request`, request),
	response: messageOf(`${name}Response`, response),
});

/** The calls, by name. */
const UInt64Value = messageOf("UInt64Value", { 1: ["value", "uint64"] });
const ContainerStats = messageOf("ContainerStats", {
	1: ["attributes", messageOf("ContainerAttributes", { 1: ["id", "string"] })],
	2: ["cpu", messageOf("CpuUsage", { 1: ["timestamp", "int64"], 2: ["usageCoreNanoSeconds", UInt64Value] })],
	3: ["memory", messageOf("MemoryUsage", { 1: ["timestamp", "int64"], 2: ["workingSetBytes", UInt64Value] })],
	4: ["writableLayer", messageOf("FilesystemUsage", { 1: ["timestamp", "int64"], 3: ["usedBytes", UInt64Value], 4: ["inodesUsed", UInt64Value] })],
});

export const CRI = {
	version: runtime("Version", { 1: ["version", "string"] }, { 2: ["runtimeName", "string"], 3: ["runtimeVersion", "string"] }),
	status: runtime(
		"Status",
		{},
		{
			1: ["status", messageOf("RuntimeStatus", { 1: ["conditions", [RuntimeCondition]] })],
			3: ["runtimeHandlers", [RuntimeHandler]],
			4: ["features", messageOf("RuntimeFeatures", { 1: ["supplementalGroupsPolicy", "bool"] })],
		},
	),
	runPodSandbox: runtime("RunPodSandbox", { 1: ["config", PodSandboxConfig], 2: ["runtimeHandler", "string"] }, podSandboxId),
	stopPodSandbox: runtime("StopPodSandbox", podSandboxId, {}),
	removePodSandbox: runtime("RemovePodSandbox", podSandboxId, {}),
	podSandboxStatus: runtime("PodSandboxStatus", { ...podSandboxId, 2: ["verbose", "bool"] }, { 1: ["status", PodSandboxStatus], 2: ["info", STRINGS] }),
	listPodSandbox: runtime("ListPodSandbox", {}, { 1: ["items", [PodSandbox]] }),
	createContainer: runtime("CreateContainer", { ...podSandboxId, 2: ["config", ContainerConfig], 3: ["sandboxConfig", PodSandboxConfig] }, containerId),
	startContainer: runtime("StartContainer", containerId, {}),
	updateContainerResources: runtime("UpdateContainerResources", { ...containerId, 2: ["linux", LinuxContainerResources] }, {}),
	stopContainer: runtime("StopContainer", { ...containerId, 2: ["timeout", "int64"] }, {}),
	removeContainer: runtime("RemoveContainer", containerId, {}),
	reopenContainerLog: runtime("ReopenContainerLog", containerId, {}),
	listContainers: runtime("ListContainers", {}, { 1: ["containers", [Container]] }),
	listContainerStats: runtime("ListContainerStats", {}, { 1: ["stats", [ContainerStats]] }),
	containerStatus: runtime("ContainerStatus", { ...containerId, 2: ["verbose", "bool"] }, { 1: ["status", ContainerStatus], 2: ["info", STRINGS] }),
	attach: runtime(
		"Attach",
		{ ...containerId, 2: ["stdin", "bool"], 3: ["tty", "bool"], 4: ["stdout", "bool"], 5: ["stderr", "bool"] },
		{ 1: ["url", "string"] },
	),
	listImages: image("ListImages", {}, { 1: ["images", [Image]] }),
	imageStatus: image("ImageStatus", { 1: ["image", ImageSpec], 2: ["verbose", "bool"] }, { 1: ["image", Image], 2: ["info", STRINGS] }),
	pullImage: image("PullImage", { 1: ["image", ImageSpec], 2: ["auth", AuthConfig] }, { 1: ["imageRef", "string"] }),
	removeImage: image("RemoveImage", { 1: ["image", ImageSpec] }, {}),
} as const;
