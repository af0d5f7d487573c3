/** net.IP and net.CIDR (k8s.io/apiserver/pkg/cel/library/ip.go and cidr.go): addresses are read strictly, as Go's net/netip does. */
import { traversal } from "../call-cost.ts";
import { type CallCost, fn, method, type Overload } from "../functions.ts";
import { canonicalAddress, parseIPv4, parseIPv6 } from "../../meta/address.ts";
import { CelFailure, Opaque } from "../values.ts";

/** The address's bytes: four or sixteen. */
type Bytes = readonly number[];

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function bytesOf(text: string): Bytes | undefined {
	const v4 = parseIPv4(text);
	if (v4 || text.includes("%")) return v4;
	return parseIPv6(text)?.flatMap((group) => [group >> 8, group & 0xff]);
}

function textOf(bytes: Bytes): string {
	if (bytes.length === 4) return bytes.join(".");
	const groups = Array.from({ length: 8 }, (_, index) => (((bytes[index * 2] as number) << 8) | (bytes[index * 2 + 1] as number)).toString(16));
	return canonicalAddress(groups.join(":")) ?? "";
}

const isMapped = (bytes: Bytes): boolean => bytes.length === 16 && MAPPED.every((byte, index) => bytes[index] === byte);

export class IpValue extends Opaque {
	readonly typeName = "net.IP";
	readonly bytes: Bytes;

	constructor(bytes: Bytes) {
		super();
		this.bytes = bytes;
	}

	equals(other: Opaque): boolean {
		return other instanceof IpValue && sameBits(this.bytes, other.bytes, this.bytes.length * 8);
	}

	override get size(): number {
		return Math.ceil((this.bytes.length * 8) / 8);
	}

	override toString(): string {
		return textOf(this.bytes);
	}
}

export class CidrValue extends Opaque {
	readonly typeName = "net.CIDR";
	readonly bytes: Bytes;
	readonly prefix: number;

	constructor(bytes: Bytes, prefix: number) {
		super();
		this.bytes = bytes;
		this.prefix = prefix;
	}

	equals(other: Opaque): boolean {
		return other instanceof CidrValue && this.prefix === other.prefix && sameBits(this.bytes, other.bytes, this.bytes.length * 8);
	}

	override get size(): number {
		return Math.ceil(this.prefix / 8);
	}

	override toString(): string {
		return `${textOf(this.bytes)}/${this.prefix}`;
	}
}

function sameBits(a: Bytes, b: Bytes, bits: number): boolean {
	if (a.length !== b.length) return false;
	for (let bit = 0; bit < bits; bit += 8) {
		const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
		if (((a[bit / 8] as number) & mask) !== ((b[bit / 8] as number) & mask)) return false;
	}
	return true;
}

function parseIp(text: string): IpValue {
	const bytes = bytesOf(text);
	if (bytes === undefined) throw new CelFailure(`IP Address ${JSON.stringify(text)} parse error during conversion from string: ${addressProblem(text)}`);
	if (isMapped(bytes)) throw new CelFailure(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
	return new IpValue(bytes);
}

const addressProblem = (text: string): string =>
	text.includes("%") ? `IP address with zone value is not allowed` : `ParseAddr(${JSON.stringify(text)}): unable to parse IP`;

function parseCidr(text: string): CidrValue {
	const [address = "", bits = "", ...rest] = text.split("/");
	const bytes = bytesOf(address);
	const isCidr = bytes !== undefined && rest.length === 0 && /^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= bytes.length * 8;
	if (!isCidr) throw new CelFailure(`network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): no valid prefix`);
	if (isMapped(bytes)) throw new CelFailure(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
	return new CidrValue(bytes, Number(bits));
}

function succeeds(parse: (text: string) => unknown): (text: string) => boolean {
	return (text) => {
		try {
			parse(text);
			return true;
		} catch (error) {
			if (error instanceof CelFailure) return false;
			throw error;
		}
	};
}

const masked = ({ bytes, prefix }: CidrValue): CidrValue =>
	new CidrValue(
		bytes.map((byte, index) => byte & (prefix >= (index + 1) * 8 ? 0xff : prefix <= index * 8 ? 0 : (0xff << (8 - (prefix - index * 8))) & 0xff)),
		prefix,
	);

const containsIp = ({ bytes, prefix }: CidrValue, ip: IpValue): boolean => sameBits(bytes, ip.bytes, prefix);
const containsCidr = (outer: CidrValue, inner: CidrValue): boolean => inner.prefix >= outer.prefix && sameBits(outer.bytes, inner.bytes, outer.prefix);

const all = (bytes: Bytes, from: number, to: number): boolean => bytes.slice(from, to).every((byte) => byte === 0);
const isUnspecified = ({ bytes }: IpValue): boolean => all(bytes, 0, bytes.length);
const isLoopback = ({ bytes }: IpValue): boolean => (bytes.length === 4 ? bytes[0] === 127 : all(bytes, 0, 15) && bytes[15] === 1);
const isMulticast = ({ bytes }: IpValue): boolean => (bytes.length === 4 ? ((bytes[0] as number) & 0xf0) === 0xe0 : bytes[0] === 0xff);
const isLinkLocalMulticast = ({ bytes }: IpValue): boolean =>
	bytes.length === 4 ? bytes[0] === 224 && bytes[1] === 0 && bytes[2] === 0 : bytes[0] === 0xff && ((bytes[1] as number) & 0x0f) === 2;
const isLinkLocalUnicast = ({ bytes }: IpValue): boolean =>
	bytes.length === 4 ? bytes[0] === 169 && bytes[1] === 254 : bytes[0] === 0xfe && ((bytes[1] as number) & 0xc0) === 0x80;
const isGlobalUnicast = (ip: IpValue): boolean =>
	!isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip) && !(ip.bytes.length === 4 && ip.bytes.every((byte) => byte === 255));

const ofSize = (value: unknown): number => (value instanceof Opaque ? value.size : 1);
const compareCost = (cidr: unknown): number => Math.ceil(ofSize(cidr) * 2 * 0.1);
const ipContainment: CallCost = ([cidr, other]) => compareCost(cidr) + (typeof other === "string" ? Math.ceil(other.length * 0.1) : 0);
const cidrContainment: CallCost = ([cidr, other]) =>
	compareCost(cidr) + Math.ceil(ofSize(cidr) * 0.1) + 1 + (typeof other === "string" ? Math.ceil(other.length * 0.1) : 0);

export const ADDRESSES: readonly Overload[] = [
	fn("ip(string) -> net.IP", parseIp, traversal),
	fn("isIP(string) -> bool", succeeds(parseIp), traversal),
	fn(
		"ip.isCanonical(string) -> bool",
		(text: string) => parseIp(text).toString() === text,
		([text]) => Math.ceil(String(text).length * 0.2),
	),
	fn("string(net.IP) -> string", (ip: IpValue) => ip.toString()),
	method("net.IP.family() -> int", ({ bytes }: IpValue) => (bytes.length === 4 ? 4n : 6n)),
	method("net.IP.isUnspecified() -> bool", isUnspecified),
	method("net.IP.isLoopback() -> bool", isLoopback),
	method("net.IP.isLinkLocalMulticast() -> bool", isLinkLocalMulticast),
	method("net.IP.isLinkLocalUnicast() -> bool", isLinkLocalUnicast),
	method("net.IP.isGlobalUnicast() -> bool", isGlobalUnicast),
	fn("cidr(string) -> net.CIDR", parseCidr, traversal),
	fn("isCIDR(string) -> bool", succeeds(parseCidr), traversal),
	fn("string(net.CIDR) -> string", (cidr: CidrValue) => cidr.toString()),
	method("net.CIDR.containsIP(string) -> bool", (cidr: CidrValue, text: string) => containsIp(cidr, parseIp(text)), ipContainment),
	method("net.CIDR.containsIP(net.IP) -> bool", containsIp, ipContainment),
	method("net.CIDR.containsCIDR(string) -> bool", (cidr: CidrValue, text: string) => containsCidr(cidr, parseCidr(text)), cidrContainment),
	method("net.CIDR.containsCIDR(net.CIDR) -> bool", containsCidr, cidrContainment),
	method("net.CIDR.ip() -> net.IP", ({ bytes }: CidrValue) => new IpValue(bytes)),
	method("net.CIDR.masked() -> net.CIDR", masked),
	method("net.CIDR.prefixLength() -> int", ({ prefix }: CidrValue) => BigInt(prefix)),
];
