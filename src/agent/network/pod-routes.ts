/**
 * The way to the pods of other nodes: by the other node itself where both share a link, else through VXLAN, whose
 * forwarding table comes from the node list; and through the agent's relay where neither leads there. A change costs what one node costs.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { NetworkRow, NodeEntry } from "../../core/protocol/agent-protocol.ts";
import { applyNft, deleteTable, requireAddress, requireNetwork, requirePort } from "./nft.ts";
import { nftFamilyOf } from "./nft-family.ts";
import { type ProbeEnd, VXLAN_ID, VXLAN_PORT } from "./relay/probe-frame.ts";
import type { ProbedPeer } from "./relay/path-prober.ts";

const run = promisify(execFile);
/** Nobody's address (RFC 7600): frames for it are led to the agent, which has the relays. */
const RELAY_ADDRESS = "192.0.0.8";
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
	/** This node's own IPv4 range: its links and the other nodes' ends of the pod network are known by it. */
	podCidr: string;
	/** Its IPv6 range, in a cluster of both families. */
	podCidr6?: string | undefined;
	log(message: string): void;
}

interface Peer {
	podCidr: string;
	podCidr6: string | undefined;
	address: string;
}

export class PodRoutes {
	readonly #options: PodRoutesOptions;
	readonly #link: string;
	readonly #peers = new Map<string, Peer>();
	readonly #relayed = new Set<string>();
	#relayPort: number | undefined;
	#ownAddresses: readonly string[] = [];
	#started = false;
	/** One change after the other: rows and relays come each when they do. */
	#last: Promise<unknown> = Promise.resolve();

	constructor(options: PodRoutesOptions) {
		this.#options = options;
		this.#link = `ptx-${options.instance}`;
	}

	/** This node's end of the pod network. */
	get own(): ProbeEnd {
		const { podCidr } = this.#options;
		return { mac: macOf(podCidr), address: baseOf(podCidr) };
	}

	/** Another node's; undefined while it is not known. */
	endOf(name: string): ProbedPeer | undefined {
		const peer = this.#peers.get(name);
		return peer && { mac: macOf(peer.podCidr), address: baseOf(peer.podCidr), host: peer.address };
	}

	/** Idempotent. */
	start(): Promise<void> {
		return this.#next(() => this.#start());
	}

	#next<T>(act: () => Promise<T>): Promise<T> {
		const done = this.#last.then(act);
		this.#last = done.catch(() => undefined);
		return done;
	}

	async #start(): Promise<void> {
		if (this.#started) return;
		const own = requireNetwork(this.#options.podCidr);
		await this.#remove();
		// No checksum of the outer packet (RFC 7348): the kernel gets it wrong where one that is not complete inside is translated, as for a relay.
		const device = ["type", "vxlan", "id", String(VXLAN_ID), "dstport", String(VXLAN_PORT), "nolearning", "noudpcsum"];
		await ip("link", "add", this.#link, "address", macOf(own), ...device);
		await ip("address", "add", `${baseOf(own)}/32`, "dev", this.#link);
		const { podCidr6 } = this.#options;
		if (podCidr6 !== undefined) await ip("address", "add", `${baseOf(requireNetwork(podCidr6, "ip6"))}/128`, "dev", this.#link, "nodad");
		// The kernel's checksum of what is inside is wrong with some drivers: ping works then, TCP does not.
		await run("ethtool", ["-K", this.#link, "tx-checksum-ip-generic", "off"]).catch(() => undefined);
		await ip("link", "set", this.#link, "up");
		this.#started = true;
	}

	apply(rows: readonly NetworkRow[]): Promise<void> {
		return this.#next(() => this.#apply(rows));
	}

	/**
	 * The agent's port on 127.0.0.1 for the frames of relayed nodes. To an address that is the machine's own, or behind "lo", the kernel
	 * would send none, but look for a VXLAN link there: so they seem to go out by a link where they are translated before they do.
	 */
	openRelay(port: number): Promise<void> {
		return this.#next(async () => {
			this.#relayPort = requirePort(port);
			await ip("link", "delete", this.#relayLink).catch(() => undefined);
			await ip("link", "add", this.#relayLink, "type", "veth", "peer", "name", `ptq-${this.#options.instance}`);
			await ip("link", "set", this.#relayLink, "up", "addrgenmode", "none");
			await ip("route", "replace", `${RELAY_ADDRESS}/32`, "dev", this.#relayLink, "src", "127.0.0.1", "proto", ROUTE_PROTOCOL);
			const table = `table ip ${this.#relayTable}`;
			await applyNft(`${table} {}
delete ${table}
${table} {
	chain output {
		type nat hook output priority -101; policy accept;
		ip daddr ${RELAY_ADDRESS} udp dport ${port} dnat to 127.0.0.1;
	}
}
`);
		});
	}

	/** Leads a node's packets through the agent's relay, or straight to it again. */
	setRelayed(name: string, relayed: boolean): Promise<void> {
		return this.#next(async () => {
			if (this.#relayed.has(name) === relayed) return;
			if (relayed) this.#relayed.add(name);
			else this.#relayed.delete(name);
			const peer = this.#peers.get(name);
			if (peer) await this.#reach(name, peer);
		});
	}

	get #relayLink(): string {
		return `ptr-${this.#options.instance}`;
	}

	get #relayTable(): string {
		return `petrel-${this.#options.instance}-relay`;
	}

	async #apply(rows: readonly NetworkRow[]): Promise<void> {
		if (rows.some(({ kind }) => kind === "node")) await this.#start();
		for (const row of rows) if (row.kind === "node" && row.name === this.#options.nodeName) await this.#setOwn(row.node);
		for (const row of rows) if (row.kind === "node" && row.name !== this.#options.nodeName) await this.#set(row.name, row.node);
	}

	/** The address that others know this node by decides who shares a link with it. */
	async #setOwn(node: NodeEntry | null): Promise<void> {
		const addresses = node?.addresses ?? [];
		if (addresses.join() === this.#ownAddresses.join()) return;
		this.#ownAddresses = addresses;
		for (const [name, peer] of this.#peers) {
			await this.#forget(peer);
			await this.#reach(name, peer);
		}
	}

	async #set(name: string, node: NodeEntry | null): Promise<void> {
		const next = this.#peerOf(name, node);
		const old = this.#peers.get(name);
		if (old && JSON.stringify(old) !== JSON.stringify(next)) {
			this.#peers.delete(name);
			if (!next) this.#relayed.delete(name);
			await this.#forget(old);
		}
		if (!next || JSON.stringify(old) === JSON.stringify(next)) return;
		await this.#reach(name, next);
		this.#peers.set(name, next);
	}

	/** Undefined for a node that has no range or no address yet. */
	#peerOf(name: string, node: NodeEntry | null): Peer | undefined {
		const podCidr = node?.podCidrs.find((range) => nftFamilyOf(range) === "ip");
		const podCidr6 = this.#options.podCidr6 && node?.podCidrs.find((range) => nftFamilyOf(range) === "ip6");
		const address = node?.addresses.find((one) => !one.includes(":") && !one.startsWith("127."));
		try {
			if (!podCidr || !address) return undefined;
			return { podCidr: requireNetwork(podCidr), podCidr6: podCidr6 ? requireNetwork(podCidr6, "ip6") : undefined, address: requireAddress(address) };
		} catch (error) {
			this.#options.log(`node ${name} is not reached: ${(error as Error).message}`);
			return undefined;
		}
	}

	async #reach(name: string, { podCidr, podCidr6, address }: Peer): Promise<void> {
		const base = baseOf(podCidr);
		const relay = this.#relayed.has(name) ? this.#relayPort : undefined;
		const link = relay === undefined ? await this.#sharedLink(address) : undefined;
		const way = relay === undefined ? ["dst", address] : ["dst", RELAY_ADDRESS, "port", String(relay)];
		await run("bridge", ["fdb", "replace", macOf(podCidr), "dev", this.#link, ...way, "self", "permanent"]);
		await ip("neighbour", "replace", base, "lladdr", macOf(podCidr), "dev", this.#link, "nud", "permanent");
		// The node's own end is behind VXLAN always: there the direct way is asked for, also where pods go another.
		await ip("route", "replace", `${base}/32`, "dev", this.#link, "proto", ROUTE_PROTOCOL);
		const next = link === undefined ? ["via", base, "dev", this.#link, "onlink"] : ["via", address, "dev", link];
		await ip("route", "replace", podCidr, ...next, "proto", ROUTE_PROTOCOL);
		if (podCidr6 !== undefined) await this.#reachIPv6(podCidr6, macOf(podCidr));
	}

	/** In the same frames, so that what is found out of the way to a node holds for both families. */
	async #reachIPv6(podCidr: string, mac: string): Promise<void> {
		const base = baseOf(podCidr);
		await ip("-6", "neighbour", "replace", base, "lladdr", mac, "dev", this.#link, "nud", "permanent");
		await ip("-6", "route", "replace", `${base}/128`, "dev", this.#link, "proto", ROUTE_PROTOCOL);
		await ip("-6", "route", "replace", podCidr, "via", base, "dev", this.#link, "onlink", "proto", ROUTE_PROTOCOL);
	}

	/** The link that both nodes are on, where there is one. */
	async #sharedLink(address: string): Promise<string | undefined> {
		// Nothing leads there when the node is behind a NAT.
		const found = await ip("-4", "route", "get", address).catch(() => "");
		const [device, source] = [/\bdev (\S+)/.exec(found)?.[1], /\bsrc (\S+)/.exec(found)?.[1]];
		// Both sides must come to the same end: packets that come another way than they would go are dropped by strict nodes.
		const sharesLink = !/\bvia\b/.test(found) && source !== undefined && this.#ownAddresses.includes(source);
		return sharesLink && device !== "lo" ? device : undefined;
	}

	async #forget({ podCidr, podCidr6 }: Peer): Promise<void> {
		for (const range of [podCidr, `${baseOf(podCidr)}/32`]) await ip("route", "delete", range, "proto", ROUTE_PROTOCOL).catch(() => undefined);
		await ip("neighbour", "delete", baseOf(podCidr), "dev", this.#link).catch(() => undefined);
		await run("bridge", ["fdb", "delete", macOf(podCidr), "dev", this.#link]).catch(() => undefined);
		if (podCidr6 === undefined) return;
		for (const range of [podCidr6, `${baseOf(podCidr6)}/128`]) await ip("-6", "route", "delete", range, "proto", ROUTE_PROTOCOL).catch(() => undefined);
		await ip("-6", "neighbour", "delete", baseOf(podCidr6), "dev", this.#link).catch(() => undefined);
	}

	/** Leaves nothing behind, of an earlier run neither. */
	async stop({ removeAll }: { removeAll: boolean }): Promise<void> {
		await this.#last;
		this.#started = false;
		this.#peers.clear();
		this.#relayed.clear();
		if (removeAll) await this.#remove();
	}

	async #remove(): Promise<void> {
		await deleteTable(this.#relayTable);
		await ip("link", "delete", this.#relayLink).catch(() => undefined);
		for (const family of ["-4", "-6"]) await ip(family, "route", "flush", "proto", ROUTE_PROTOCOL).catch(() => undefined);
		await ip("link", "delete", this.#link).catch(() => undefined);
	}
}
