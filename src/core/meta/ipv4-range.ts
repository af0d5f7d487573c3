/** An IPv4 network as a range of addresses to give out. */
import { parseIPv4 } from "./address.ts";

export interface IPv4Range {
	/** The first address, as a number. */
	start: number;
	/** All addresses, those of the network itself and of broadcast included. */
	size: number;
}

/** undefined for what is no IPv4 network. */
export function ipv4Range(cidr: string): IPv4Range | undefined {
	const [address = "", length = ""] = cidr.split("/");
	const octets = parseIPv4(address);
	return octets && /^\d+$/.test(length) ? { start: numberOf(octets), size: 2 ** (32 - Number(length)) } : undefined;
}

const numberOf = (octets: readonly number[]): number => octets.reduce((sum, octet) => sum * 256 + octet, 0);

export const ipv4Text = (address: number): string => [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** The place of an address in the range; undefined outside of it. */
export function placeIn({ start, size }: IPv4Range, address: string): number | undefined {
	const octets = parseIPv4(address);
	const place = octets === undefined ? -1 : numberOf(octets) - start;
	return place >= 0 && place < size ? place : undefined;
}
