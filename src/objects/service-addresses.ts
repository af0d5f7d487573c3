/** Service addresses, with the IPAddress of each that is held and the ServiceCIDR that a cluster begins with (pkg/registry/core/service/ipallocator). */
import { IP_ADDRESSES, readyCidrs, SERVICE_CIDRS } from "../core/controllers/service-cidr-controller.ts";
import type { IPAddress, ServiceCIDR } from "../core/schema/kubernetes.d.ts";
import type { Allocation, AllocationRequest } from "../core/kinds/define-kind.ts";
import type { CorePorts } from "./ports.ts";
import { API_ADDRESS, DNS_ADDRESS, SERVICE_CIDR } from "../core/protocol/cluster-addresses.ts";
import { Allocator } from "./allocator.ts";
import { viewOf } from "./controller-runner.ts";
import type { ResourceServer } from "./resource-server.ts";
import { createObject, type WriteOptions } from "./write.ts";

const DEFAULT_CIDR = "kubernetes";
const OWN_ADDRESSES = [
	[API_ADDRESS, "default/kubernetes"],
	[DNS_ADDRESS, "kube-system/kube-dns"],
] as const;

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

/** Gives out addresses and node ports and keeps the objects that tell of them. Call its methods inside a turn. */
export class ServiceAddresses {
	readonly #server: () => ResourceServer;
	readonly #allocator: Allocator;

	/** The server is there once the object that makes both is made. */
	constructor({ sql, random }: Pick<CorePorts, "sql" | "random">, server: () => ResourceServer) {
		this.#server = server;
		this.#allocator = new Allocator(sql, random, () => readyCidrs(viewOf(server())));
	}

	allocate(holder: string, request: AllocationRequest, dryRun: boolean): Allocation {
		const before = this.#allocator.addressOf(holder);
		const allocation = this.#allocator.allocate(holder, request, dryRun);
		if (!dryRun) this.#follow(holder, before, allocation.clusterIP);
		return allocation;
	}

	release(holder: string): void {
		this.#follow(holder, this.#allocator.addressOf(holder), undefined);
		this.#allocator.release(holder);
	}

	/** The network that a cluster begins with. */
	ensureNetwork(): void {
		const server = this.#server();
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

	/** The Services that every cluster has hold theirs without asking. */
	ensureOwnAddresses(): void {
		const server = this.#server();
		const kind = server.kinds.byStoreName(IP_ADDRESSES);
		for (const [address, holder] of OWN_ADDRESSES)
			if (kind !== undefined && server.store.getText(IP_ADDRESSES, address) === undefined) createObject(server, kind, addressObject(address, holder), asServer);
	}

	#follow(holder: string, before: string | undefined, now: string | undefined): void {
		const server = this.#server();
		const kind = server.kinds.byStoreName(IP_ADDRESSES);
		if (kind === undefined || before === now) return;
		const old = before === undefined ? undefined : server.store.get(IP_ADDRESSES, before);
		if (old !== undefined) server.remove(kind, old);
		if (now !== undefined && server.store.getText(IP_ADDRESSES, now) === undefined) createObject(server, kind, addressObject(now, holder), asServer);
	}
}
