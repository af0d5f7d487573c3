/** Service addresses and node ports: unique in the cluster, held by "namespace/name" of a Service. */
import { invalidObject } from "../core/errors/status-error.ts";
import type { Allocation, AllocationRequest } from "../core/kinds/define-kind.ts";
import { RESERVED_ADDRESSES, SERVICE_CIDR } from "../core/protocol/cluster-addresses.ts";
import type { Sql } from "../store/sql.ts";

/** --service-node-port-range */
export const NODE_PORT_MIN = 30_000;
export const NODE_PORT_MAX = 32_767;
const SERVICE_ADDRESSES = 65_534;

export class Allocator {
	readonly #sql: Sql;
	readonly #random: () => number;

	constructor(sql: Sql, random: () => number) {
		this.#sql = sql;
		this.#random = random;
	}

	/** Gives the holder what it asks for, keeping what it has. Throws 422 for what is taken or out of range. */
	allocate(holder: string, request: AllocationRequest, dryRun: boolean): Allocation {
		const nodePorts = request.nodePorts.map((wanted) => ({ ...wanted, nodePort: this.#nodePort(holder, wanted) }));
		const clusterIP = request.clusterIP === undefined ? undefined : this.#address(holder, request.clusterIP);
		if (!dryRun) {
			this.release(holder);
			for (const { protocol, nodePort } of nodePorts) this.#take(`port/${protocol}/${nodePort}`, holder);
			if (clusterIP !== undefined) this.#take(`ip/${clusterIP}`, holder);
		}
		return { nodePorts, ...(clusterIP === undefined ? {} : { clusterIP }) };
	}

	release(holder: string): void {
		this.#sql.run("DELETE FROM allocations WHERE holder = ?", holder);
	}

	#take(item: string, holder: string): void {
		this.#sql.run("INSERT OR REPLACE INTO allocations (item, holder) VALUES (?, ?)", item, holder);
	}

	#holderOf(item: string): string | undefined {
		return this.#sql.all<{ holder: string }>("SELECT holder FROM allocations WHERE item = ?", item)[0]?.holder;
	}

	#held(holder: string, prefix: string): string | undefined {
		return this.#sql
			.all<{ item: string }>("SELECT item FROM allocations WHERE holder = ?", holder)
			.find(({ item }) => item.startsWith(prefix))
			?.item.slice(prefix.length);
	}

	#address(holder: string, wanted: string): string {
		const taken = (address: string) => (RESERVED_ADDRESSES[address] ?? this.#holderOf(`ip/${address}`) ?? holder) !== holder;
		if (wanted !== "") {
			if (!/^10\.96\.\d+\.\d+$/.test(wanted))
				throw refusal(
					holder,
					"spec.clusterIPs",
					wanted,
					`failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${SERVICE_CIDR}`,
				);
			if (taken(wanted)) throw refusal(holder, "spec.clusterIPs", wanted, `failed to allocate IP ${wanted}: provided IP is already allocated`);
			return wanted;
		}
		const held = this.#held(holder, "ip/");
		if (held !== undefined) return held;
		return (
			probe(SERVICE_ADDRESSES, this.#random, (offset) => `10.96.${(offset + 1) >> 8}.${(offset + 1) & 255}`, taken) ??
			fail(holder, "spec.clusterIPs", "range is full")
		);
	}

	#nodePort(holder: string, { protocol, nodePort }: AllocationRequest["nodePorts"][number]): number {
		const taken = (port: number) => (this.#holderOf(`port/${protocol}/${port}`) ?? holder) !== holder;
		if (nodePort !== 0) {
			if (nodePort < NODE_PORT_MIN || nodePort > NODE_PORT_MAX)
				throw refusal(
					holder,
					"spec.ports[0].nodePort",
					nodePort,
					`provided port is not in the valid range. The range of valid ports is ${NODE_PORT_MIN}-${NODE_PORT_MAX}`,
				);
			if (taken(nodePort)) throw refusal(holder, "spec.ports[0].nodePort", nodePort, "provided port is already allocated");
			return nodePort;
		}
		const free = (port: number) => this.#holderOf(`port/${protocol}/${port}`) !== undefined;
		return (
			probe(NODE_PORT_MAX - NODE_PORT_MIN + 1, this.#random, (offset) => NODE_PORT_MIN + offset, free) ??
			fail(holder, "spec.ports[0].nodePort", "range is full")
		);
	}
}

/** The first free item from a random place on, or undefined when all are taken. */
function probe<T>(size: number, random: () => number, item: (offset: number) => T, taken: (item: T) => boolean): T | undefined {
	const start = Math.floor(random() * size);
	for (let step = 0; step < size; step++) {
		const candidate = item((start + step) % size);
		if (!taken(candidate)) return candidate;
	}
	return undefined;
}

function refusal(holder: string, field: string, value: unknown, detail: string) {
	const shown = JSON.stringify(value);
	return invalidObject("", "Service", holder.split("/")[1] ?? "", [{ type: "FieldValueInvalid", field, message: `Invalid value: ${shown}: ${detail}` }]);
}

function fail(holder: string, field: string, detail: string): never {
	throw refusal(holder, field, [], detail);
}
