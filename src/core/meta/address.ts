/** IP addresses and networks, read as Go's net package reads them. */

const IPV6_GROUPS = 8;

/** The four octets, or undefined: leading zeros are refused, as netutils' strict parsing does. */
export function parseIPv4(text: string): number[] | undefined {
	const parts = text.split(".");
	if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255)) return undefined;
	return parts.map(Number);
}

/** The eight groups of an IPv6 address without zone, or undefined. */
export function parseIPv6(text: string): number[] | undefined {
	const halves = text.split("::");
	if (halves.length > 2 || !text.includes(":")) return undefined;
	const groups: number[][] = [];
	for (const [index, half] of halves.entries()) {
		const parsed = half === "" ? [] : parseGroups(half, index === halves.length - 1);
		if (!parsed) return undefined;
		groups.push(parsed);
	}
	const [head = [], tail] = groups;
	if (!tail) return head.length === IPV6_GROUPS ? head : undefined;
	const missing = IPV6_GROUPS - head.length - tail.length;
	return missing < 1 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function parseGroups(text: string, last: boolean): number[] | undefined {
	const out: number[] = [];
	const parts = text.split(":");
	for (const [index, part] of parts.entries()) {
		if (last && index === parts.length - 1 && part.includes(".")) {
			const v4 = parseIPv4(part);
			if (!v4) return undefined;
			out.push((v4[0] ?? 0) * 256 + (v4[1] ?? 0), (v4[2] ?? 0) * 256 + (v4[3] ?? 0));
		} else {
			if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
			out.push(Number.parseInt(part, 16));
		}
	}
	return out;
}

export type IPFamily = "IPv4" | "IPv6";

export function ipFamily(text: string): IPFamily | undefined {
	if (parseIPv4(text)) return "IPv4";
	return parseIPv6(text) ? "IPv6" : undefined;
}

/** validation.IsValidIP. */
export const ipAddress = (text: string): string[] => (ipFamily(text) ? [] : ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]);

/** The longest run of zero groups from two on, as RFC 5952 shortens it: the first of several. */
function zeroRun(groups: readonly number[]): { start: number; length: number } {
	let best = { start: -1, length: 1 };
	for (let start = 0; start < groups.length; start++) {
		let length = 0;
		while (groups[start + length] === 0) length++;
		if (length > best.length) best = { start, length };
	}
	return best;
}

/** The address as RFC 5952 writes it, or undefined where it is none. */
export function canonicalAddress(text: string): string | undefined {
	if (parseIPv4(text)) return text;
	const groups = parseIPv6(text);
	if (!groups) return undefined;
	const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
	const { start, length } = zeroRun(groups);
	return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

const isMapped = (text: string): boolean => parseIPv6(text)?.every((group, i) => i >= 6 || group === (i === 5 ? 0xffff : 0)) ?? false;

/** validation.IsValidIP as new fields have it: in its one canonical form. */
export function strictIpAddress(text: string): string[] {
	const canonical = canonicalAddress(text);
	if (canonical === undefined) return ipAddress(text);
	if (isMapped(text)) return ["must not be an IPv4-mapped IPv6 address"];
	return canonical === text ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

/** validation.IsValidCIDR. */
export function cidr(text: string): string[] {
	const [address = "", bits, ...rest] = text.split("/");
	const family = ipFamily(address);
	const bitsMax = family === "IPv4" ? 32 : 128;
	const valid = family !== undefined && rest.length === 0 && bits !== undefined && /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax;
	return valid ? [] : ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"];
}

/**
 * 127.64.0.0/10: addresses of pods on nodes of the process runtime, which has no others to give without root. They are the
 * only loopback addresses that an endpoint may have.
 */
const isProcessPodAddress = ([first, second]: readonly number[]): boolean => first === 127 && second !== undefined && second >= 64 && second < 128;

/** Addresses that an endpoint or an external IP may not have: ValidateNonSpecialIP. */
export function nonSpecialAddress(text: string): string[] {
	const v4 = parseIPv4(text);
	const v6 = v4 ? undefined : parseIPv6(text);
	if (!v4 && !v6) return ["must be a valid IP address"];
	const problems: string[] = [];
	const all = v4 ?? v6 ?? [];
	const first = all[0] ?? 0;
	if (all.every((n) => n === 0)) problems.push(`may not be unspecified (${JSON.stringify(text)})`);
	if (v4 ? first === 127 && !isProcessPodAddress(v4) : all.slice(0, -1).every((n) => n === 0) && all.at(-1) === 1)
		problems.push("may not be in the loopback range (127.0.0.0/8, ::1/128)");
	if (v4 ? first === 169 && all[1] === 254 : (first & 0xffc0) === 0xfe80) problems.push("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
	if (v4 ? first === 224 && all[1] === 0 && all[2] === 0 : first === 0xff02) {
		problems.push("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
	}
	return problems;
}

/** The bits of an address, most significant first; undefined where it is none. */
function bitsOf(text: string): string | undefined {
	const v4 = parseIPv4(text);
	if (v4) return v4.map((octet) => octet.toString(2).padStart(8, "0")).join("");
	return parseIPv6(text)
		?.map((group) => group.toString(2).padStart(16, "0"))
		.join("");
}

/** Whether the network `inner` lies in `outer` and is smaller. Both are valid CIDRs. */
export function isStrictSubnet(inner: string, outer: string): boolean {
	const [innerAddress = "", innerLength = ""] = inner.split("/");
	const [outerAddress = "", outerLength = ""] = outer.split("/");
	if (ipFamily(innerAddress) !== ipFamily(outerAddress)) return false;
	const length = Number(outerLength);
	return Number(innerLength) > length && bitsOf(innerAddress)?.slice(0, length) === bitsOf(outerAddress)?.slice(0, length);
}

/** The network's first address, as its CIDR writes it: "10.0.0.0/8" for "10.1.2.3/8". Expects a valid CIDR. */
export function canonicalCidr(text: string): string {
	const [address = "", lengthText = ""] = text.split("/");
	const bits = bitsOf(address) ?? "";
	const masked = bits.slice(0, Number(lengthText)).padEnd(bits.length, "0");
	const isV4 = bits.length === 32;
	const parts = masked.match(isV4 ? /.{8}/g : /.{16}/g) ?? [];
	const network = isV4 ? parts.map((part) => Number.parseInt(part, 2)).join(".") : parts.map((part) => Number.parseInt(part, 2).toString(16)).join(":");
	return `${canonicalAddress(network)}/${Number(lengthText)}`;
}
