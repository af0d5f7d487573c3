/**
 * Which addresses a delivery may go to. The names and literal addresses of a URL are judged here; what a name resolves to is
 * judged by the network that the call is made over (docs/webhooks.md).
 */

/** First address and prefix length of IPv4 networks that are nobody's on the internet (IANA's special-purpose registry). */
const PRIVATE_V4: readonly (readonly [string, number])[] = [
	["0.0.0.0", 8],
	["10.0.0.0", 8],
	["100.64.0.0", 10],
	["127.0.0.0", 8],
	["169.254.0.0", 16],
	["172.16.0.0", 12],
	["192.0.0.0", 24],
	["192.0.2.0", 24],
	["192.168.0.0", 16],
	["198.18.0.0", 15],
	["198.51.100.0", 24],
	["203.0.113.0", 24],
	["224.0.0.0", 4],
	["240.0.0.0", 4],
];
/** Names that only a machine's own or a private network resolves (RFC 6761, RFC 6762, RFC 8375, RFC 9476). */
const PRIVATE_NAMES = /(^|\.)(localhost|local|internal|intranet|home\.arpa|lan|svc|cluster\.local)$/;

const v4Number = (text: string): number => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

function isPrivateV4(address: string): boolean {
	const number = v4Number(address);
	return PRIVATE_V4.some(([first, length]) => Math.floor(number / 2 ** (32 - length)) === Math.floor(v4Number(first) / 2 ** (32 - length)));
}

/** The eight groups of an address as the URL parser writes it: lower case, at most one "::". */
function v6Groups(text: string): number[] {
	const [head = "", tail] = text.split("::");
	const groups = (part: string): number[] => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
	const [before, after] = [groups(head), groups(tail ?? "")];
	return tail === undefined ? before : [...before, ...Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
}

function isPrivateV6(text: string): boolean {
	const groups = v6Groups(text);
	const [first = 0, second = 0, , , , sixth = 0, high = 0, low = 0] = groups;
	const embedded = `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
	const leadingZeros = groups.slice(0, 5).every((group) => group === 0);
	if (leadingZeros && (sixth === 0xffff || sixth === 0)) return sixth === 0xffff ? isPrivateV4(embedded) : true;
	// NAT64 and 6to4 lead to the IPv4 address within.
	if (first === 0x64 && second === 0xff9b) return isPrivateV4(embedded);
	if (first === 0x2002) return isPrivateV4(`${second >> 8}.${second & 255}.${(groups[2] ?? 0) >> 8}.${(groups[2] ?? 0) & 255}`);
	// Only 2000::/3 is given out; of it 2001::/23 and 2001:db8::/32 are not.
	return first >> 13 !== 1 || (first === 0x2001 && (second < 0x200 || second === 0xdb8));
}

/** Why a URL's host is none of the internet; undefined when it may be one. The URL parser has put addresses in their usual form. */
export function privateHostProblem({ hostname }: URL): string | undefined {
	const host = hostname.replace(/\.$/, "").toLowerCase();
	const isPrivate = host.startsWith("[")
		? isPrivateV6(host.slice(1, -1))
		: /^\d+\.\d+\.\d+\.\d+$/.test(host)
			? isPrivateV4(host)
			: PRIVATE_NAMES.test(host) || !host.includes(".");
	return isPrivate ? `${hostname} is a private address, to which this cluster delivers nothing` : undefined;
}
