/** Whether an address lies in a network. */
import { parseIPv4, parseIPv6 } from "../meta/address.ts";

interface Bits {
	parts: readonly number[];
	bitsPerPart: number;
}

const MAPPED_PREFIX = /^::ffff:(?=\d+\.)/i;

function bitsOf(address: string): Bits | undefined {
	const v4 = parseIPv4(address.replace(MAPPED_PREFIX, ""));
	if (v4) return { parts: v4, bitsPerPart: 8 };
	const v6 = parseIPv6(address);
	return v6 && { parts: v6, bitsPerPart: 16 };
}

/** `network` is a valid CIDR; anything but an address is in none. */
export function isInNetwork(address: string, network: string): boolean {
	const [base = "", length = "0"] = network.split("/");
	const [one, other] = [bitsOf(address), bitsOf(base)];
	if (!one || !other || one.bitsPerPart !== other.bitsPerPart) return false;
	let left = Number(length);
	for (const [index, part] of one.parts.entries()) {
		if (left <= 0) return true;
		const shift = Math.max(0, one.bitsPerPart - left);
		if (part >> shift !== (other.parts[index] ?? 0) >> shift) return false;
		left -= one.bitsPerPart;
	}
	return true;
}

export const isInAny = (address: string, networks: readonly string[]): boolean => networks.some((network) => isInNetwork(address, network));
