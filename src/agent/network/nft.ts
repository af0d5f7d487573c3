/** Runs nft scripts: each is one transaction, so what was there before stays when anything in it is wrong. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { isIPv4, isIPv6 } from "node:net";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import type { NftFamily } from "./nft-family.ts";

const run = promisify(execFile);

export class NftError extends Error {
	override readonly name = "NftError";
}

export async function applyNft(script: string): Promise<void> {
	const child = spawn("nft", ["-f", "-"], { stdio: ["pipe", "ignore", "pipe"] });
	child.stdin.on("error", () => undefined);
	const ended = once(child, "close").catch((error: Error) => {
		throw new NftError(`cannot run nft: ${error.message}`);
	});
	child.stdin.end(script);
	const [[code], complaint] = await Promise.all([ended, text(child.stderr)]);
	if (code !== 0) throw new NftError(`nft refused the rules: ${complaint.trim().split("\n").slice(0, 3).join("; ")}`);
}

/** Removes a table, whether it is there or not. */
export async function deleteTable(name: string, family: NftFamily = "ip"): Promise<void> {
	await run("nft", ["delete", "table", family, name]).catch(() => undefined);
}

const IP_NAMES: Readonly<Record<NftFamily, string>> = { ip: "IPv4", ip6: "IPv6" };
const ADDRESS_BITS: Readonly<Record<NftFamily, number>> = { ip: 32, ip6: 128 };
const IS_ADDRESS: Readonly<Record<NftFamily, (text: string) => boolean>> = { ip: isIPv4, ip6: (text) => isIPv6(text) && !text.includes("%") };

/** nft looks up what is no address as a host's name, so nothing else may reach it. */
export function requireAddress(text: string, family: NftFamily = "ip"): string {
	if (!IS_ADDRESS[family](text)) throw new NftError(`${JSON.stringify(text)} is not an ${IP_NAMES[family]} address`);
	return text;
}

export function requirePort(port: number): number {
	if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new NftError(`${port} is not a port`);
	return port;
}

/** A network in CIDR form. */
export function requireNetwork(cidr: string, family: NftFamily = "ip"): string {
	const [address = "", bits = ""] = cidr.split("/");
	const fits = IS_ADDRESS[family](address) && /^\d{1,3}$/.test(bits) && Number(bits) <= ADDRESS_BITS[family];
	if (!fits) throw new NftError(`${JSON.stringify(cidr)} is not an ${IP_NAMES[family]} network`);
	return cidr;
}

/** nft's name of a protocol that Services know. */
export function requireProtocol(protocol: string): string {
	const name = protocol.toLowerCase();
	if (!["tcp", "udp", "sctp"].includes(name)) throw new NftError(`${JSON.stringify(protocol)} is not a protocol of Services`);
	return name;
}
