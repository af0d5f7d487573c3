/** What the kernel remembers of connections, forgotten where an endpoint is gone: UDP has no end that would do it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { NftFamily } from "./nft-family.ts";

const run = promisify(execFile);
const UDP = "udp";
const CONNTRACK_FAMILIES: Readonly<Record<NftFamily, string>> = { ip: "ipv4", ip6: "ipv6" };

/** "10.96.0.5 . udp . 53" or "udp . 30053". */
function frontend(key: string): { protocol: string; filter: string[] } {
	const parts = key.split(" . ");
	const [port, protocol, address] = parts.toReversed();
	return { protocol: protocol ?? "", filter: [...(address ? ["--orig-dst", address] : []), "--orig-port-dst", port ?? ""] };
}

/**
 * Forgets flows of UDP Services: those to endpoints that are gone, and, where the first endpoint came, those that went
 * nowhere. `before` and `after` are the endpoints ("address . port") behind each address and port.
 */
export async function forgetStaleFlows(
	before: ReadonlyMap<string, ReadonlySet<string>>,
	after: ReadonlyMap<string, ReadonlySet<string>>,
	log: (message: string) => void,
	family: NftFamily = "ip",
): Promise<void> {
	for (const key of new Set([...before.keys(), ...after.keys()])) {
		const { protocol, filter } = frontend(key);
		if (protocol !== UDP) continue;
		const [old, now] = [before.get(key) ?? new Set<string>(), after.get(key) ?? new Set<string>()];
		if (old.size === 0 && now.size > 0) await forget(filter, log, family);
		for (const endpoint of old) if (!now.has(endpoint)) await forget([...filter, "--dst-nat", endpoint.split(" . ")[0] ?? ""], log, family);
	}
}

async function forget(filter: readonly string[], log: (message: string) => void, family: NftFamily): Promise<void> {
	try {
		await run("conntrack", ["-D", "-f", CONNTRACK_FAMILIES[family], "-p", UDP, ...filter]);
	} catch (error) {
		// It ends with 1 when there was nothing to forget.
		const { code } = error as { code?: number | string };
		if (code === "ENOENT") log("conntrack is not installed: UDP clients of a Service may go on to an endpoint that is gone");
		else if (code !== 1) log(`conntrack -D: ${(error as Error).message}`);
	}
}
