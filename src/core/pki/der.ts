/** DER (X.690), as far as certificates need it: values in, bytes out. */

const TAG = {
	boolean: 0x01,
	integer: 0x02,
	bitString: 0x03,
	octetString: 0x04,
	oid: 0x06,
	utf8: 0x0c,
	sequence: 0x30,
	set: 0x31,
	utcTime: 0x17,
	generalizedTime: 0x18,
} as const;
/** The first year that UTCTime cannot write (RFC 5280, 4.1.2.5). */
const GENERALIZED_FROM_YEAR = 2050;

export type Der = Uint8Array;

export function concat(parts: readonly Uint8Array[]): Uint8Array {
	const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

function lengthBytes(length: number): number[] {
	if (length < 0x80) return [length];
	const bytes: number[] = [];
	for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
	return [0x80 | bytes.length, ...bytes];
}

export function tagged(tag: number, ...content: Uint8Array[]): Der {
	const body = concat(content);
	return concat([new Uint8Array([tag, ...lengthBytes(body.length)]), body]);
}

export const sequence = (...parts: Der[]): Der => tagged(TAG.sequence, ...parts);
export const set = (...parts: Der[]): Der => tagged(TAG.set, ...parts);
/** [n] EXPLICIT, or IMPLICIT of a constructed type. */
export const context = (number: number, ...parts: Der[]): Der => tagged(0xa0 | number, ...parts);
/** [n] IMPLICIT of a primitive type. */
export const contextPrimitive = (number: number, bytes: Uint8Array): Der => tagged(0x80 | number, bytes);
export const boolean = (value: boolean): Der => tagged(TAG.boolean, new Uint8Array([value ? 0xff : 0]));
export const octetString = (bytes: Uint8Array): Der => tagged(TAG.octetString, bytes);
export const utf8String = (text: string): Der => tagged(TAG.utf8, new TextEncoder().encode(text));
export const bitString = (bytes: Uint8Array, unusedBits = 0): Der => tagged(TAG.bitString, new Uint8Array([unusedBits]), bytes);

/** An integer that is not negative, from its big-endian bytes. */
export function unsignedInteger(bytes: Uint8Array): Der {
	const first = bytes.findIndex((byte) => byte !== 0);
	const significant = first < 0 ? new Uint8Array([0]) : bytes.subarray(first);
	return (significant[0] ?? 0) >= 0x80 ? tagged(TAG.integer, new Uint8Array([0]), significant) : tagged(TAG.integer, significant);
}

export function oid(text: string): Der {
	const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
	const bytes = [first * 40 + second];
	for (const number of rest) {
		const groups = [number & 0x7f];
		for (let left = number >> 7; left > 0; left >>= 7) groups.unshift(0x80 | (left & 0x7f));
		bytes.push(...groups);
	}
	return tagged(TAG.oid, new Uint8Array(bytes));
}

export function time(ms: number): Der {
	const date = new Date(ms);
	const text = date.toISOString().replace(/[-:T]|\.\d+/g, "");
	const short = date.getUTCFullYear() < GENERALIZED_FROM_YEAR;
	return tagged(short ? TAG.utcTime : TAG.generalizedTime, new TextEncoder().encode(short ? text.slice(2) : text));
}
