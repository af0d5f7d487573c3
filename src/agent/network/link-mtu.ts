/** How large a pod's packets may be: what the node's own link carries, less what VXLAN puts around them. */
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { inRanges, rangesOf } from "../node-addresses.ts";

/** Outer Ethernet, IPv4, UDP and VXLAN headers. */
const VXLAN_OVERHEAD_BYTES = 50;
const ETHERNET_MTU = 1500;
/** Less than any IPv6 link has; a smaller value is a misreading. */
const MTU_MIN = 1280;

/** From the smallest MTU of the links with an address from outside; from Ethernet's when there is none. */
export async function podMtu(podCidrs: readonly string[]): Promise<number> {
	const pods = rangesOf(podCidrs);
	const outside = Object.entries(networkInterfaces()).filter(([, addresses]) =>
		(addresses ?? []).some(({ internal, address }) => !internal && !address.startsWith("fe80:") && !inRanges(pods, address)),
	);
	const read = await Promise.all(outside.map(([name]) => readFile(`/sys/class/net/${name}/mtu`, "utf8").catch(() => "")));
	const mtus = read.map(Number).filter((mtu) => mtu >= MTU_MIN);
	return Math.min(...(mtus.length > 0 ? mtus : [ETHERNET_MTU])) - VXLAN_OVERHEAD_BYTES;
}
