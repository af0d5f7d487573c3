/** Kubelet's podresources v1: tells monitoring agents of the node which container has which devices (k8s.io/kubelet/pkg/apis/podresources). */
import type { Message } from "../../core/codec/message.ts";
import type { Container, Pod } from "../../core/schema/kubernetes.d.ts";
import { isSidecar } from "../pod-names.ts";
import { messageOf } from "../runtime/containerd/cri-messages.ts";
import { GrpcError, GRPC_STATUS } from "../runtime/containerd/grpc-client.ts";
import type { DevicePlugins } from "./device-plugins.ts";
import { type GrpcServer, serveGrpc } from "./grpc-server.ts";

/** Below the kubelet's root. */
export const POD_RESOURCES_SOCKET = "pod-resources/kubelet.sock";

const NUMANode = messageOf("NUMANode", { 1: ["ID", "int64"] });
const TopologyInfo = messageOf("TopologyInfo", { 1: ["nodes", [NUMANode]] });
const ContainerDevices = messageOf("ContainerDevices", { 1: ["resourceName", "string"], 2: ["deviceIds", ["string"]], 3: ["topology", TopologyInfo] });
const CDIDevice = messageOf("CDIDevice", { 1: ["name", "string"] });
const ClaimResource = messageOf("ClaimResource", {
	1: ["cdiDevices", [CDIDevice]],
	2: ["driverName", "string"],
	3: ["poolName", "string"],
	4: ["deviceName", "string"],
	5: ["shareId", "string"],
});
const DynamicResource = messageOf("DynamicResource", {
	2: ["claimName", "string"],
	3: ["claimNamespace", "string"],
	4: ["claimResources", [ClaimResource]],
});
const ContainerResources = messageOf("ContainerResources", {
	1: ["name", "string"],
	2: ["devices", [ContainerDevices]],
	5: ["dynamicResources", [DynamicResource]],
});
const PodResources = messageOf("PodResources", { 1: ["name", "string"], 2: ["namespace", "string"], 3: ["containers", [ContainerResources]] });
const Empty = messageOf("Empty", {});

export const POD_RESOURCES = {
	list: { path: "/v1.PodResourcesLister/List", request: Empty, response: messageOf("ListPodResourcesResponse", { 1: ["podResources", [PodResources]] }) },
	getAllocatableResources: {
		path: "/v1.PodResourcesLister/GetAllocatableResources",
		request: Empty,
		response: messageOf("AllocatableResourcesResponse", { 1: ["devices", [ContainerDevices]] }),
	},
	get: {
		path: "/v1.PodResourcesLister/Get",
		request: messageOf("GetPodResourcesRequest", { 1: ["podName", "string"], 2: ["podNamespace", "string"] }),
		response: messageOf("GetPodResourcesResponse", { 1: ["podResources", PodResources] }),
	},
} as const;

/** What a container has of its pod's claims. */
export type DynamicResourcesOf = (pod: Pod, container: Container) => Message[];

export function servePodResources(socket: string, devices: DevicePlugins, pods: () => readonly Pod[], dynamic: DynamicResourcesOf): Promise<GrpcServer> {
	const list = () => ({ podResources: pods().map((pod) => podResources(pod, devices, dynamic)) });
	const get = ({ podName, podNamespace }: Message) => {
		const found = pods().find(({ metadata }) => metadata.name === podName && metadata.namespace === podNamespace);
		if (found === undefined) throw new GrpcError(GRPC_STATUS.unknown, `pod ${String(podName)} in namespace ${String(podNamespace)} not found`);
		return { podResources: podResources(found, devices, dynamic) };
	};
	return serveGrpc(socket, [
		[POD_RESOURCES.list, list],
		[POD_RESOURCES.getAllocatableResources, () => ({ devices: devices.allocatable().map(containerDevices) })],
		[POD_RESOURCES.get, get],
	]);
}

/** Of init containers the sidecars alone: the others are over. */
function podResources(pod: Pod, devices: DevicePlugins, dynamic: DynamicResourcesOf): Message {
	const { metadata, spec } = pod;
	const containers = [...(spec?.initContainers ?? []).filter(isSidecar), ...(spec?.containers ?? [])];
	return {
		name: metadata.name,
		namespace: metadata.namespace,
		containers: containers.map((container) => ({
			name: container.name,
			devices: devices.allocatedTo(metadata.uid ?? "", container.name).map(containerDevices),
			dynamicResources: dynamic(pod, container),
		})),
	};
}

const containerDevices = ({ resource, ids, numaNodes }: ReturnType<DevicePlugins["allocatable"]>[number]): Message => ({
	resourceName: resource,
	deviceIds: ids,
	...(numaNodes.length > 0 ? { topology: { nodes: numaNodes.map((ID) => ({ ID })) } } : {}),
});
