/** A network as a range of addresses to give out. */
import { canonicalAddress, type IPFamily, parseIPv4, parseIPv6 } from "./address.ts";

export interface AddressRange {
	family: IPFamily;
	/** The first address, as a number. */
	start: bigint;
	/** All addresses, those of the network itself and of broadcast included. */
	size: bigint;
}

export const BITS: Readonly<Record<IPFamily, number>> = { IPv4: 32, IPv6: 128 };

function parse(text: string): { family: IPFamily; value: bigint } | undefined {
	const v4 = parseIPv4(text);
	if (v4) return { family: "IPv4", value: joined(v4, 8n) };
	const v6 = parseIPv6(text);
	return v6 && { family: "IPv6", value: joined(v6, 16n) };
}

const joined = (parts: readonly number[], bits: bigint): bigint => parts.reduce((sum, part) => (sum << bits) + BigInt(part), 0n);

/** undefined for what is no network. */
export function addressRange(cidr: string): AddressRange | undefined {
	const [address = "", length = ""] = cidr.split("/");
	const base = parse(address);
	if (base === undefined || !/^\d+$/.test(length) || Number(length) > BITS[base.family]) return undefined;
	const size = 1n << BigInt(BITS[base.family] - Number(length));
	return { family: base.family, start: base.value - (base.value % size), size };
}

export function addressText(family: IPFamily, address: bigint): string {
	const [count, bits] = family === "IPv4" ? [4, 8n] : [8, 16n];
	const parts = Array.from({ length: count }, (_, i) => Number((address >> (bits * BigInt(count - 1 - i))) & ((1n << bits) - 1n)));
	if (family === "IPv4") return parts.join(".");
	const text = parts.map((part) => part.toString(16)).join(":");
	return canonicalAddress(text) ?? text;
}

/** The address at a place of the range, from 0 on. */
export const addressAt = ({ family, start }: AddressRange, place: bigint): string => addressText(family, start + place);

/** The place of an address in the range; undefined outside of it. */
export function placeIn({ family, start, size }: AddressRange, address: string): bigint | undefined {
	const found = parse(address);
	if (found === undefined || found.family !== family) return undefined;
	const place = found.value - start;
	return place >= 0n && place < size ? place : undefined;
}

export const rangeFamily = (cidr: string): IPFamily => (cidr.includes(":") ? "IPv6" : "IPv4");
