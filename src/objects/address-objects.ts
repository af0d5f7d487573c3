/** The IPAddress of each address that a Service holds, and the ServiceCIDR that a cluster begins with (pkg/registry/core/service/ipallocator). */
import { IP_ADDRESSES, SERVICE_CIDRS } from "../core/controllers/service-cidr-controller.ts";
import type { IPAddress, ServiceCIDR } from "../core/schema/kubernetes.d.ts";
import { SERVICE_CIDR } from "./allocator.ts";
import type { ResourceServer } from "./resource-server.ts";
import { createObject, type WriteOptions } from "./write.ts";

const DEFAULT_CIDR = "kubernetes";

const asServer: WriteOptions = {
	user: { name: "system:apiserver", groups: ["system:masters"] },
	manager: "kube-apiserver",
	subresource: "",
	dryRun: false,
	addWarning: () => {},
};

const addressObject = (address: string, holder: string): IPAddress => {
	const [namespace = "", name = ""] = holder.split("/");
	return {
		apiVersion: "networking.k8s.io/v1",
		kind: "IPAddress",
		metadata: {
			name: address,
			labels: { "ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" },
		},
		spec: { parentRef: { group: "", resource: "services", namespace, name } },
	};
};

/** Call inside a turn: the objects follow what the holder had and has. */
export function followAddress(server: ResourceServer, holder: string, before: string | undefined, now: string | undefined): void {
	const kind = server.kinds.byStoreName(IP_ADDRESSES);
	if (kind === undefined || before === now) return;
	const old = before === undefined ? undefined : server.store.get(IP_ADDRESSES, before);
	if (old !== undefined) server.remove(kind, old);
	if (now !== undefined && server.store.getText(IP_ADDRESSES, now) === undefined) createObject(server, kind, addressObject(now, holder), asServer);
}

/** Call inside a turn. */
export function ensureServiceCidr(server: ResourceServer): void {
	const kind = server.kinds.byStoreName(SERVICE_CIDRS);
	if (kind === undefined || server.store.getText(SERVICE_CIDRS, DEFAULT_CIDR) !== undefined) return;
	const network: ServiceCIDR = {
		apiVersion: "networking.k8s.io/v1",
		kind: "ServiceCIDR",
		metadata: { name: DEFAULT_CIDR },
		spec: { cidrs: [SERVICE_CIDR] },
	};
	createObject(server, kind, network, asServer);
}
