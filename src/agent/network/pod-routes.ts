/**
 * The way to the pods of other nodes: by the other node itself where both share a link, else through VXLAN, whose
 * forwarding table comes from the node list. A change costs what one node costs.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { NetworkRow, NodeEntry } from "../../core/protocol/agent-protocol.ts";
import { requireAddress, requireNetwork } from "./nft.ts";

const run = promisify(execFile);
const VXLAN_ID = 7345;
const VXLAN_PORT = 8472;
/** Of our routes, so that they are found again after a crash; numbers above 4 are nobody's in particular. */
const ROUTE_PROTOCOL = "98";

const ip = async (...args: string[]): Promise<string> => (await run("ip", args)).stdout;

/** Locally administered, and the same wherever it is worked out. */
function macOf(podCidr: string): string {
	const octets = (podCidr.split("/")[0] ?? "").split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
	return ["0a", "58", ...octets].join(":");
}

const baseOf = (podCidr: string): string => podCidr.split("/")[0] ?? "";

export interface PodRoutesOptions {
	/** Tells this agent's link from others' on the machine. */
	instance: string;
	nodeName: string;
	/** This node's own range. */
	podCidr: string;
	log(message: string): void;
}

interface Peer {
	podCidr: string;
	address: string;
}

export class PodRoutes {
	readonly #options: PodRoutesOptions;
	readonly #link: string;
	readonly #peers = new Map<string, Peer>();
	#ownAddresses: readonly string[] = [];
	#started = false;

	constructor(options: PodRoutesOptions) {
		this.#options = options;
		this.#link = `ptx-${options.instance}`;
	}

	/** Idempotent. */
	async start(): Promise<void> {
		if (this.#started) return;
		const own = requireNetwork(this.#options.podCidr);
		await this.#remove();
		const device = ["type", "vxlan", "id", String(VXLAN_ID), "dstport", String(VXLAN_PORT), "nolearning"];
		await ip("link", "add", this.#link, "address", macOf(own), ...device);
		await ip("address", "add", `${baseOf(own)}/32`, "dev", this.#link);
		// The kernel's checksum of what is inside is wrong with some drivers: ping works then, TCP does not.
		await run("ethtool", ["-K", this.#link, "tx-checksum-ip-generic", "off"]).catch(() => undefined);
		await ip("link", "set", this.#link, "up");
		this.#started = true;
	}

	async apply(rows: readonly NetworkRow[]): Promise<void> {
		if (rows.some(({ kind }) => kind === "node")) await this.start();
		for (const row of rows) if (row.kind === "node" && row.name === this.#options.nodeName) await this.#setOwn(row.node);
		for (const row of rows) if (row.kind === "node" && row.name !== this.#options.nodeName) await this.#set(row.name, row.node);
	}

	/** The address that others know this node by decides who shares a link with it. */
	async #setOwn(node: NodeEntry | null): Promise<void> {
		const addresses = node?.addresses ?? [];
		if (addresses.join() === this.#ownAddresses.join()) return;
		this.#ownAddresses = addresses;
		for (const peer of this.#peers.values()) {
			await this.#forget(peer);
			await this.#reach(peer);
		}
	}

	async #set(name: string, node: NodeEntry | null): Promise<void> {
		const next = this.#peerOf(name, node);
		const old = this.#peers.get(name);
		if (old && JSON.stringify(old) !== JSON.stringify(next)) {
			this.#peers.delete(name);
			await this.#forget(old);
		}
		if (!next || JSON.stringify(old) === JSON.stringify(next)) return;
		await this.#reach(next);
		this.#peers.set(name, next);
	}

	/** Undefined for a node that has no range or no address yet. */
	#peerOf(name: string, node: NodeEntry | null): Peer | undefined {
		const podCidr = node?.podCidrs.find((range) => !range.includes(":"));
		const address = node?.addresses.find((one) => !one.includes(":") && !one.startsWith("127."));
		try {
			return podCidr && address ? { podCidr: requireNetwork(podCidr), address: requireAddress(address) } : undefined;
		} catch (error) {
			this.#options.log(`node ${name} is not reached: ${(error as Error).message}`);
			return undefined;
		}
	}

	async #reach({ podCidr, address }: Peer): Promise<void> {
		const found = await ip("-4", "route", "get", address);
		const [device, source] = [/\bdev (\S+)/.exec(found)?.[1], /\bsrc (\S+)/.exec(found)?.[1]];
		// Both sides must come to the same end: packets that come another way than they would go are dropped by strict nodes.
		const sharesLink = !/\bvia\b/.test(found) && source !== undefined && this.#ownAddresses.includes(source);
		if (device !== undefined && device !== "lo" && sharesLink) {
			await ip("route", "replace", podCidr, "via", address, "dev", device, "proto", ROUTE_PROTOCOL);
			return;
		}
		const base = baseOf(podCidr);
		await run("bridge", ["fdb", "replace", macOf(podCidr), "dev", this.#link, "dst", address, "self", "permanent"]);
		await ip("neighbour", "replace", base, "lladdr", macOf(podCidr), "dev", this.#link, "nud", "permanent");
		await ip("route", "replace", podCidr, "via", base, "dev", this.#link, "onlink", "proto", ROUTE_PROTOCOL);
	}

	async #forget({ podCidr }: Peer): Promise<void> {
		await ip("route", "delete", podCidr, "proto", ROUTE_PROTOCOL).catch(() => undefined);
		await ip("neighbour", "delete", baseOf(podCidr), "dev", this.#link).catch(() => undefined);
		await run("bridge", ["fdb", "delete", macOf(podCidr), "dev", this.#link]).catch(() => undefined);
	}

	/** Leaves nothing behind, of an earlier run neither. */
	async stop({ removeAll }: { removeAll: boolean }): Promise<void> {
		this.#started = false;
		this.#peers.clear();
		if (removeAll) await this.#remove();
	}

	async #remove(): Promise<void> {
		await ip("route", "flush", "proto", ROUTE_PROTOCOL).catch(() => undefined);
		await ip("link", "delete", this.#link).catch(() => undefined);
	}
}
