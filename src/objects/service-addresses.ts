/** Service addresses, with the IPAddress of each that is held and the ServiceCIDR that a cluster begins with (pkg/registry/core/service/ipallocator). */
import { IP_ADDRESSES, readyCidrs, SERVICE_CIDRS } from "../core/controllers/service-cidr-controller.ts";
import type { IPAddress, ServiceCIDR } from "../core/schema/kubernetes.d.ts";
import type { Allocation, AllocationRequest } from "../core/kinds/define-kind.ts";
import { rangeFamily } from "../core/meta/address-range.ts";
import type { CorePorts } from "./ports.ts";
import { type ClusterNetwork, DEFAULT_NETWORK, reservedAddresses } from "../core/protocol/cluster-addresses.ts";
import { Allocator } from "./allocator.ts";
import { viewOf } from "./controller-runner.ts";
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
			labels: { "ipaddress.kubernetes.io/ip-family": rangeFamily(address), "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" },
		},
		spec: { parentRef: { group: "", resource: "services", namespace, name } },
	};
};

/** Gives out addresses and node ports and keeps the objects that tell of them. Call its methods inside a turn. */
export class ServiceAddresses {
	readonly #server: () => ResourceServer;
	readonly #allocator: Allocator;
	readonly #network: ClusterNetwork;

	/** The server is there once the object that makes both is made. */
	constructor({ sql, random, network = DEFAULT_NETWORK }: Pick<CorePorts, "sql" | "random" | "network">, server: () => ResourceServer) {
		this.#server = server;
		this.#allocator = new Allocator(sql, random, () => readyCidrs(viewOf(server())), network);
		this.#network = network;
	}

	allocate(holder: string, request: AllocationRequest, dryRun: boolean): Allocation {
		const before = this.#allocator.addressesOf(holder);
		const allocation = this.#allocator.allocate(holder, request, dryRun);
		if (!dryRun) this.#follow(holder, before, this.#allocator.addressesOf(holder));
		return allocation;
	}

	release(holder: string): void {
		this.#follow(holder, this.#allocator.addressesOf(holder), []);
		this.#allocator.release(holder);
	}

	/** What every cluster has. */
	ensureOwn(): void {
		this.#ensureNetwork();
		this.#ensureOwnAddresses();
	}

	/** The network that a cluster begins with. */
	#ensureNetwork(): void {
		const server = this.#server();
		const kind = server.kinds.byStoreName(SERVICE_CIDRS);
		if (kind === undefined || server.store.getText(SERVICE_CIDRS, DEFAULT_CIDR) !== undefined) return;
		const network: ServiceCIDR = {
			apiVersion: "networking.k8s.io/v1",
			kind: "ServiceCIDR",
			metadata: { name: DEFAULT_CIDR },
			spec: { cidrs: [...this.#network.serviceCidrs] },
		};
		createObject(server, kind, network, asServer);
	}

	/** The Services that every cluster has hold theirs without asking. */
	#ensureOwnAddresses(): void {
		const server = this.#server();
		const kind = server.kinds.byStoreName(IP_ADDRESSES);
		for (const [address, holder] of Object.entries(reservedAddresses(this.#network)))
			if (kind !== undefined && server.store.getText(IP_ADDRESSES, address) === undefined) createObject(server, kind, addressObject(address, holder), asServer);
	}

	#follow(holder: string, before: readonly string[], now: readonly string[]): void {
		const server = this.#server();
		const kind = server.kinds.byStoreName(IP_ADDRESSES);
		if (kind === undefined) return;
		for (const address of before) {
			const old = now.includes(address) ? undefined : server.store.get(IP_ADDRESSES, address);
			if (old !== undefined) server.remove(kind, old);
		}
		for (const address of now)
			if (server.store.getText(IP_ADDRESSES, address) === undefined) createObject(server, kind, addressObject(address, holder), asServer);
	}
}
