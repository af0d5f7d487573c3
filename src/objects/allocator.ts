/**
 * Service addresses and node ports: unique in the cluster, held by "namespace/name" of a Service (pkg/registry/core/service's
 * ipallocator and portallocator). What is asked for by value comes from anywhere in a range; what is not, from its upper
 * band first, so that the lower one stays free for those who choose.
 */
import { invalidObject } from "../core/errors/status-error.ts";
import type { Allocation, AllocationRequest } from "../core/kinds/define-kind.ts";
import { canonicalAddress, type IPFamily, ipFamily } from "../core/meta/address.ts";
import { addressAt, type AddressRange, addressRange, placeIn, rangeFamily } from "../core/meta/address-range.ts";
import { type ClusterNetwork, DEFAULT_NETWORK, reservedAddresses } from "../core/protocol/cluster-addresses.ts";
import type { Sql } from "../store/sql.ts";

/** --service-node-port-range */
export const NODE_PORT_MIN = 30_000;
export const NODE_PORT_MAX = 32_767;
const NODE_PORTS = NODE_PORT_MAX - NODE_PORT_MIN + 1;
const PROTOCOLS = ["TCP", "UDP", "SCTP"];

/** How much of a range of node ports is kept for those who choose (KEP-3668). */
const portBand = (size: number): number => Math.min(Math.max(16, Math.floor(size / 32)), 128);
/** Likewise of addresses (KEP-3070). */
const addressBand = (size: number): number => Math.min(Math.max(16, Math.floor(size / 16)), 256);

/** Of a larger range the first ones are given out; any can be asked for. */
const ADDRESSES_MAX = 1n << 32n;

type WantedPort = AllocationRequest["nodePorts"][number];

export class Allocator {
	readonly #sql: Sql;
	readonly #random: () => number;
	readonly #cidrs: () => readonly string[];
	readonly #reserved: Readonly<Record<string, string>>;

	/** `cidrs` are the networks that addresses come from, the first one first; those of `network` alone without it. */
	constructor(sql: Sql, random: () => number, cidrs?: () => readonly string[], network: ClusterNetwork = DEFAULT_NETWORK) {
		this.#sql = sql;
		this.#random = random;
		this.#cidrs = cidrs ?? (() => network.serviceCidrs);
		this.#reserved = reservedAddresses(network);
	}

	/** Gives the holder what it asks for, keeping what it has. Throws 422 for what is taken or out of range. */
	allocate(holder: string, request: AllocationRequest, dryRun: boolean): Allocation {
		// One number may serve a port in several protocols, as DNS's does; no other port of the Service gets it.
		const given = new Map<number, number>();
		const nodePorts = request.nodePorts.map((wanted, index) => {
			const nodePort = this.#nodePort(holder, wanted, index, given);
			given.set(wanted.port, nodePort);
			return { ...wanted, nodePort };
		});
		const clusterIPs = request.clusterIPs?.map(({ family, address }) => this.#address(holder, family, address));
		if (!dryRun) {
			this.release(holder);
			for (const { protocol, nodePort } of nodePorts) this.#take(`port/${protocol}/${nodePort}`, holder);
			for (const address of clusterIPs ?? []) this.#take(`ip/${canonicalAddress(address) ?? address}`, holder);
		}
		return { nodePorts, ...(clusterIPs === undefined ? {} : { clusterIPs }) };
	}

	release(holder: string): void {
		this.#sql.run("DELETE FROM allocations WHERE holder = ?", holder);
	}

	/** The addresses that the holder has. */
	addressesOf(holder: string): string[] {
		const items = this.#sql.all<{ item: string }>("SELECT item FROM allocations WHERE holder = ?", holder);
		return items.flatMap(({ item }) => (item.startsWith("ip/") ? [item.slice("ip/".length)] : []));
	}

	#take(item: string, holder: string): void {
		this.#sql.run("INSERT OR REPLACE INTO allocations (item, holder) VALUES (?, ?)", item, holder);
	}

	#holderOf(item: string): string | undefined {
		return this.#sql.all<{ holder: string }>("SELECT holder FROM allocations WHERE item = ?", item)[0]?.holder;
	}

	/** Whether another one has the number, in whatever protocol. */
	#isPortTaken(holder: string, port: number): boolean {
		return PROTOCOLS.some((protocol) => (this.#holderOf(`port/${protocol}/${port}`) ?? holder) !== holder);
	}

	#isPortFree(port: number, given: ReadonlyMap<number, number>): boolean {
		return ![...given.values()].includes(port) && PROTOCOLS.every((protocol) => this.#holderOf(`port/${protocol}/${port}`) === undefined);
	}

	#address(holder: string, family: IPFamily, given: string): string {
		// Kept in its one form: a Service may have it in another.
		const wanted = canonicalAddress(given) ?? given;
		const taken = (address: string) => (this.#reserved[address] ?? this.#holderOf(`ip/${address}`) ?? holder) !== holder;
		const cidrs = this.#cidrs().filter((cidr) => rangeFamily(cidr) === family);
		const ranges = cidrs.flatMap((cidr) => addressRange(cidr) ?? []);
		if (wanted !== "") {
			if (!ranges.some((range) => placeIn(range, wanted) !== undefined))
				throw refusal(
					holder,
					"spec.clusterIPs",
					wanted,
					`failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${cidrs.join(",")}`,
				);
			if (taken(wanted)) throw refusal(holder, "spec.clusterIPs", wanted, `failed to allocate IP ${wanted}: provided IP is already allocated`);
			return given;
		}
		const held = this.addressesOf(holder).find((address) => ipFamily(address) === family);
		if (held !== undefined) return held;
		for (const range of ranges) {
			const free = this.#freeAddress(range, taken);
			if (free !== undefined) return free;
		}
		throw refusal(holder, "spec.clusterIPs", [], "failed to allocate a serviceIP: range is full");
	}

	/** Neither the network's own address nor the one of broadcast. */
	#freeAddress(range: AddressRange, taken: (address: string) => boolean): string | undefined {
		const usable = Number(range.size < ADDRESSES_MAX ? range.size : ADDRESSES_MAX) - 2;
		const band = usable > addressBand(usable + 2) ? addressBand(usable + 2) : 0;
		const item = (offset: number) => addressAt(range, BigInt(1 + offset));
		return probe(band, usable - band, this.#random, item, taken) ?? probe(0, band, this.#random, item, taken);
	}

	#nodePort(holder: string, { port, nodePort }: WantedPort, index: number, given: ReadonlyMap<number, number>): number {
		// The entry of the health check has no port of its own.
		const field = port === 0 ? "spec.healthCheckNodePort" : `spec.ports[${index}].nodePort`;
		if (nodePort !== 0) {
			if (nodePort < NODE_PORT_MIN || nodePort > NODE_PORT_MAX)
				throw refusal(holder, field, nodePort, `provided port is not in the valid range. The range of valid ports is ${NODE_PORT_MIN}-${NODE_PORT_MAX}`);
			if (this.#isPortTaken(holder, nodePort)) throw refusal(holder, field, nodePort, "provided port is already allocated");
			return nodePort;
		}
		const same = given.get(port);
		if (same !== undefined) return same;
		const band = portBand(NODE_PORTS);
		const item = (offset: number) => NODE_PORT_MIN + offset;
		const taken = (candidate: number) => !this.#isPortFree(candidate, given);
		const free = probe(band, NODE_PORTS - band, this.#random, item, taken) ?? probe(0, band, this.#random, item, taken);
		if (free === undefined) throw refusal(holder, field, nodePort, "failed to allocate a nodePort: range is full");
		return free;
	}
}

/** The first free item of `size` from `from` on, beginning at a random place; undefined when all are taken. */
function probe<T>(from: number, size: number, random: () => number, item: (offset: number) => T, taken: (item: T) => boolean): T | undefined {
	const start = Math.floor(random() * size);
	for (let step = 0; step < size; step++) {
		const candidate = item(from + ((start + step) % size));
		if (!taken(candidate)) return candidate;
	}
	return undefined;
}

function refusal(holder: string, field: string, value: unknown, detail: string) {
	const shown = JSON.stringify(value);
	return invalidObject("", "Service", holder.split("/")[1] ?? "", [{ type: "FieldValueInvalid", field, message: `Invalid value: ${shown}: ${detail}` }]);
}
