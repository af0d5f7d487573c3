/** Runs nft scripts: each is one transaction, so what was there before stays when anything in it is wrong. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { isIPv4 } from "node:net";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

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
export async function deleteTable(name: string): Promise<void> {
	await run("nft", ["delete", "table", "ip", name]).catch(() => undefined);
}

/** nft looks up what is no address as a host's name, so nothing else may reach it. */
export function requireAddress(text: string): string {
	if (!isIPv4(text)) throw new NftError(`${JSON.stringify(text)} is not an IPv4 address`);
	return text;
}

export function requirePort(port: number): number {
	if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new NftError(`${port} is not a port`);
	return port;
}

/** An IPv4 network in CIDR form. */
export function requireNetwork(cidr: string): string {
	const [address = "", bits = ""] = cidr.split("/");
	if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) throw new NftError(`${JSON.stringify(cidr)} is not an IPv4 network`);
	return cidr;
}

/** nft's name of a protocol that Services know. */
export function requireProtocol(protocol: string): string {
	const name = protocol.toLowerCase();
	if (!["tcp", "udp", "sctp"].includes(name)) throw new NftError(`${JSON.stringify(protocol)} is not a protocol of Services`);
	return name;
}
