/** DER, as far as certificates and requests for them need it (ITU-T X.690). */

/** Tags by their first byte. */
export const TAG = {
	boolean: 0x01,
	integer: 0x02,
	bitString: 0x03,
	octetString: 0x04,
	oid: 0x06,
	utf8String: 0x0c,
	sequence: 0x30,
	set: 0x31,
	printableString: 0x13,
	ia5String: 0x16,
	utcTime: 0x17,
	generalizedTime: 0x18,
} as const;

/** Deeper than any certificate goes. */
const LENGTH_BYTES_MAX = 4;

export class DerError extends Error {
	override readonly name = "DerError";
}

export interface DerValue {
	tag: number;
	/** Without the head. */
	content: Uint8Array;
	/** With the head. */
	bytes: Uint8Array;
}

/** The first value in `bytes`; what follows it is left. */
export function readDer(bytes: Uint8Array, at = 0): DerValue {
	const [tag, first] = [bytes[at], bytes[at + 1]];
	if (tag === undefined || first === undefined) throw new DerError("asn1: syntax error: data truncated");
	let length = first;
	let start = at + 2;
	if (first >= 0x80) {
		const count = first & 0x7f;
		if (count === 0 || count > LENGTH_BYTES_MAX) throw new DerError("asn1: structure error: length too large");
		length = 0;
		for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
		start += count;
	}
	if (start + length > bytes.length) throw new DerError("asn1: syntax error: data truncated");
	return { tag, content: bytes.subarray(start, start + length), bytes: bytes.subarray(at, start + length) };
}

/** The values inside a constructed one. */
export function childrenOf({ content }: DerValue): DerValue[] {
	const children: DerValue[] = [];
	for (let at = 0; at < content.length; ) {
		const child = readDer(content, at);
		children.push(child);
		at += child.bytes.length;
	}
	return children;
}

export function expectTag(value: DerValue | undefined, tag: number, what: string): DerValue {
	if (value?.tag !== tag) throw new DerError(`asn1: structure error: ${what} is missing`);
	return value;
}

export function oidText({ content }: DerValue): string {
	const parts: number[] = [];
	let part = 0;
	for (const byte of content) {
		part = part * 128 + (byte & 0x7f);
		if (byte < 0x80) {
			if (parts.length === 0) parts.push(Math.min(2, Math.floor(part / 40)), part - 40 * Math.min(2, Math.floor(part / 40)));
			else parts.push(part);
			part = 0;
		}
	}
	return parts.join(".");
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
	const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
	let at = 0;
	for (const part of parts) {
		joined.set(part, at);
		at += part.length;
	}
	return joined;
}

function lengthBytes(length: number): number[] {
	if (length < 0x80) return [length];
	const bytes: number[] = [];
	for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
	return [0x80 | bytes.length, ...bytes];
}

export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
	const content = joinBytes(parts);
	return joinBytes([Uint8Array.of(tag, ...lengthBytes(content.length)), content]);
}

export function oidBytes(text: string): Uint8Array {
	const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
	const bytes: number[] = [];
	for (const part of [first * 40 + second, ...rest]) {
		const groups = [part & 0x7f];
		for (let more = Math.floor(part / 128); more > 0; more = Math.floor(more / 128)) groups.unshift((more & 0x7f) | 0x80);
		bytes.push(...groups);
	}
	return writeDer(TAG.oid, Uint8Array.from(bytes));
}

/** A moment as certificates have it: two digits of the year until 2049. */
export function timeBytes(ms: number): Uint8Array {
	const digits = new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, "");
	const isLate = new Date(ms).getUTCFullYear() >= 2050;
	return writeDer(isLate ? TAG.generalizedTime : TAG.utcTime, new TextEncoder().encode(`${isLate ? digits : digits.slice(2)}Z`));
}

/** The first PEM block of a kind; undefined when there is none. */
export function pemBlock(text: string, label: string): Uint8Array | undefined {
	const match = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`).exec(text);
	if (match === null) return undefined;
	try {
		return Uint8Array.from(atob((match[1] ?? "").replace(/\s/g, "")), (char) => char.charCodeAt(0));
	} catch {
		return undefined;
	}
}

const PEM_LINE = 64;

export function pemText(label: string, bytes: Uint8Array): string {
	const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
	const lines = base64.match(new RegExp(`.{1,${PEM_LINE}}`, "g")) ?? [];
	return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
