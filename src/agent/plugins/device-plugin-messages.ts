/** Messages and calls between kubelet and device plugins (k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1). */
import { messageOf } from "../runtime/containerd/cri-messages.ts";

export const DEVICE_PLUGIN_VERSION = "v1beta1";
export const HEALTHY = "Healthy";

const STRINGS = { map: "string" } as const;
const Empty = messageOf("Empty", {});
const DevicePluginOptions = messageOf("DevicePluginOptions", { 1: ["preStartRequired", "bool"], 2: ["getPreferredAllocationAvailable", "bool"] });
const NUMANode = messageOf("NUMANode", { 1: ["ID", "int64"] });
const TopologyInfo = messageOf("TopologyInfo", { 1: ["nodes", [NUMANode]] });
const Device = messageOf("Device", { 1: ["ID", "string"], 2: ["health", "string"], 3: ["topology", TopologyInfo] });
const Mount = messageOf("Mount", { 1: ["containerPath", "string"], 2: ["hostPath", "string"], 3: ["readOnly", "bool"] });
const DeviceSpec = messageOf("DeviceSpec", { 1: ["containerPath", "string"], 2: ["hostPath", "string"], 3: ["permissions", "string"] });
const CDIDevice = messageOf("CDIDevice", { 1: ["name", "string"] });
const ContainerAllocateResponse = messageOf("ContainerAllocateResponse", {
	1: ["envs", STRINGS],
	2: ["mounts", [Mount]],
	3: ["devices", [DeviceSpec]],
	4: ["annotations", STRINGS],
	5: ["cdiDevices", [CDIDevice]],
});
const ContainerPreferredAllocationRequest = messageOf("ContainerPreferredAllocationRequest", {
	1: ["availableDeviceIDs", ["string"]],
	2: ["mustIncludeDeviceIDs", ["string"]],
	3: ["allocationSize", "int32"],
});

/** Served by kubelet. */
export const REGISTRATION = {
	register: {
		path: "/v1beta1.Registration/Register",
		request: messageOf("RegisterRequest", {
			1: ["version", "string"],
			2: ["endpoint", "string"],
			3: ["resourceName", "string"],
			4: ["options", DevicePluginOptions],
		}),
		response: Empty,
	},
} as const;

/** Served by the plugin. */
export const DEVICE_PLUGIN = {
	getDevicePluginOptions: { path: "/v1beta1.DevicePlugin/GetDevicePluginOptions", request: Empty, response: DevicePluginOptions },
	listAndWatch: {
		path: "/v1beta1.DevicePlugin/ListAndWatch",
		request: Empty,
		response: messageOf("ListAndWatchResponse", { 1: ["devices", [Device]] }),
	},
	getPreferredAllocation: {
		path: "/v1beta1.DevicePlugin/GetPreferredAllocation",
		request: messageOf("PreferredAllocationRequest", { 1: ["containerRequests", [ContainerPreferredAllocationRequest]] }),
		response: messageOf("PreferredAllocationResponse", {
			1: ["containerResponses", [messageOf("ContainerPreferredAllocationResponse", { 1: ["deviceIDs", ["string"]] })]],
		}),
	},
	allocate: {
		path: "/v1beta1.DevicePlugin/Allocate",
		request: messageOf("AllocateRequest", { 1: ["containerRequests", [messageOf("ContainerAllocateRequest", { 1: ["devicesIds", ["string"]] })]] }),
		response: messageOf("AllocateResponse", { 1: ["containerResponses", [ContainerAllocateResponse]] }),
	},
	preStartContainer: {
		path: "/v1beta1.DevicePlugin/PreStartContainer",
		request: messageOf("PreStartContainerRequest", { 1: ["devicesIds", ["string"]] }),
		response: messageOf("PreStartContainerResponse", {}),
	},
} as const;
