/** The address that the front door listens on: this machine alone by default, others' agents and clients when asked to. */
import { BlockList, isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { CliError } from "./cli-error.ts";

export const LOCAL_ADDRESS = "127.0.0.1";
const LOCAL_ADDRESSES: Record<string, string> = { "0.0.0.0": LOCAL_ADDRESS, "::": "::1" };

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");

/** @throws CliError for what this machine cannot listen on. */
export function parseListenAddress(text: string): string {
	const own = Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map(({ address }) => address));
	if (isIP(text) !== 0 && (text in LOCAL_ADDRESSES || own.includes(text) || loopback.check(text, isIPv6(text) ? "ipv6" : "ipv4"))) return text;
	throw new CliError(
		`${JSON.stringify(text)} is no address of this machine.`,
		`Give one of ${own.filter((address) => !address.startsWith("fe80:")).join(", ")}, or 0.0.0.0 for all of them.`,
	);
}

/** Where this machine itself reaches what listens on the address. */
export const localAddress = (listen: string): string => LOCAL_ADDRESSES[listen] ?? listen;

/** As a URL and workerd write it. */
export const hostAndPort = (address: string, port: number): string => `${isIPv6(address) ? `[${address}]` : address}:${port}`;
