/** The addresses of the machine that the node is known by: one of each IP family that the cluster has. */
import { BlockList, isIPv6, type SocketAddress } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

export type NodeFamily = "IPv4" | "IPv6";

const LOOPBACK: Readonly<Record<NodeFamily, string>> = { IPv4: "127.0.0.1", IPv6: "::1" };

export const familyOf = (address: string): NodeFamily => (isIPv6(address.split("/")[0] ?? "") ? "IPv6" : "IPv4");

/** Addresses of a link alone, which lead nowhere else. */
function linkLocal(): BlockList {
	const list = new BlockList();
	list.addSubnet("169.254.0.0", 16, "ipv4");
	list.addSubnet("fe80::", 10, "ipv6");
	return list;
}

/** What lies in these ranges; for what is no range nothing does. */
export function rangesOf(cidrs: readonly string[], list = new BlockList()): BlockList {
	for (const cidr of cidrs) {
		const [base = "", bits = ""] = cidr.split("/");
		if (base !== "" && bits !== "") list.addSubnet(base, Number(bits), wordOf(familyOf(base)));
	}
	return list;
}

const wordOf = (family: NodeFamily): SocketAddress["family"] => (family === "IPv6" ? "ipv6" : "ipv4");

export const inRanges = (list: BlockList, address: string): boolean => list.check(address, wordOf(familyOf(address)));

type Interfaces = Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>;

/**
 * Of each family the first address that is neither loopback, nor a link's alone, nor pods'. A link without a carrier shows none: then the
 * node keeps the address that it had (`last`), as others will know it by that when the link is back. Loopback on a machine that never had one.
 */
export function nodeAddresses(podCidrs: readonly string[], last: readonly string[] = [], interfaces: Interfaces = networkInterfaces()): string[] {
	const families = podCidrs.length === 0 ? (["IPv4"] as const) : [...new Set(podCidrs.map(familyOf))];
	const unfit = rangesOf(podCidrs, linkLocal());
	const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
	const found = families.flatMap((family) => {
		const own = all.find((one) => one.family === family && !one.internal && !inRanges(unfit, one.address))?.address;
		return own ?? last.find((one) => familyOf(one) === family) ?? [];
	});
	return found.length > 0 ? found : [LOOPBACK[families[0] ?? "IPv4"]];
}

export class NodeAddresses {
	readonly #given: readonly string[];
	readonly #podCidrs: () => readonly string[];
	#last: readonly string[] = [];

	/** `given` by the user, one or one of each family with a comma between; `podCidrs` are this node's. */
	constructor(given: string | undefined, podCidrs: () => readonly string[]) {
		this.#given = given ? given.split(",") : [];
		this.#podCidrs = podCidrs;
	}

	/** As they were when last looked for: that goes through all interfaces, one or more of each pod. */
	get lately(): readonly string[] {
		return this.#last.length > 0 ? this.#last : this.now;
	}

	get now(): readonly string[] {
		if (this.#given.length > 0) return this.#given;
		this.#last = nodeAddresses(this.#podCidrs(), this.#last);
		return this.#last;
	}
}
