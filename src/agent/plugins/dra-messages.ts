/** Messages and calls between kubelet and drivers of dynamic resources (k8s.io/kubelet/pkg/apis/dra/v1, v1beta1). */
import { messageOf } from "../runtime/containerd/cri-messages.ts";
import type { Method } from "../runtime/containerd/grpc-client.ts";

const Claim = messageOf("Claim", { 1: ["namespace", "string"], 2: ["uid", "string"], 3: ["name", "string"] });
const Device = messageOf("Device", {
	1: ["requestNames", ["string"]],
	2: ["poolName", "string"],
	3: ["deviceName", "string"],
	4: ["cdiDeviceIds", ["string"]],
	5: ["shareId", "string"],
});
const PrepareRequest = messageOf("NodePrepareResourcesRequest", { 1: ["claims", [Claim]] });
const PrepareResponse = messageOf("NodePrepareResourcesResponse", {
	1: ["claims", { map: messageOf("NodePrepareResourceResponse", { 1: ["devices", [Device]], 2: ["error", "string"] }) }],
});
const UnprepareRequest = messageOf("NodeUnprepareResourcesRequest", { 1: ["claims", [Claim]] });
const UnprepareResponse = messageOf("NodeUnprepareResourcesResponse", {
	1: ["claims", { map: messageOf("NodeUnprepareResourceResponse", { 1: ["error", "string"] }) }],
});

interface DraService {
	prepare: Method;
	unprepare: Method;
}

const service = (version: string): DraService => {
	const path = `/k8s.io.kubelet.pkg.apis.dra.${version}.DRAPlugin`;
	return {
		prepare: { path: `${path}/NodePrepareResources`, request: PrepareRequest, response: PrepareResponse },
		unprepare: { path: `${path}/NodeUnprepareResources`, request: UnprepareRequest, response: UnprepareResponse },
	};
};

/** By the name that a driver registers it under; the first that both know is spoken. Their messages are the same. */
export const DRA_SERVICES: Readonly<Record<string, DraService>> = { "v1.DRAPlugin": service("v1"), "v1beta1.DRAPlugin": service("v1beta1") };
