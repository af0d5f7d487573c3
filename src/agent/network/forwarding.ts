/** Makes the machine's kernel pass packets on, as a router does. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NftFamily } from "./nft-family.ts";

const IPV4 = "/proc/sys/net/ipv4";
const IPV6_LINKS = "/proc/sys/net/ipv6/conf";

/** `toLoopback` lets what is for 127.0.0.1 be led elsewhere, and what is led there come from elsewhere. */
export async function forwardPackets(family: NftFamily, { toLoopback = false } = {}): Promise<void> {
	if (family === "ip6") return forwardIPv6();
	await writeFile(join(IPV4, "ip_forward"), "1");
	if (toLoopback) await writeFile(join(IPV4, "conf/all/route_localnet"), "1");
}

/** A router takes no routes from other routers unless it is told so (accept_ra 2): the machine must not lose its own way out. */
async function forwardIPv6(): Promise<void> {
	for (const link of await readdir(IPV6_LINKS)) {
		const file = join(IPV6_LINKS, link, "accept_ra");
		const setting = await readFile(file, "utf8").catch(() => "");
		if (setting.trim() === "1") await writeFile(file, "2");
	}
	await writeFile(join(IPV6_LINKS, "all/forwarding"), "1");
}
