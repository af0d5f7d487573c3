/** Reading and writing the vectors of TLS: numbers with the big end first, and lengths before what they count. */

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
	const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
};

/** A number in `size` bytes. */
export function uint(value: number, size: 1 | 2 | 3): Uint8Array {
	const bytes = new Uint8Array(size);
	for (let at = size - 1, rest = value; at >= 0; at--, rest >>>= 8) bytes[at] = rest & 0xff;
	return bytes;
}

/** The parts behind their length. */
export function vector(size: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Uint8Array {
	const body = concat(...parts);
	return concat(uint(body.length, size), body);
}

export class TlsReader {
	readonly #bytes: Uint8Array;
	#at = 0;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
	}

	get isAtEnd(): boolean {
		return this.#at >= this.#bytes.length;
	}

	bytes(length: number): Uint8Array {
		if (this.#at + length > this.#bytes.length) throw new Error("tls: a message is shorter than it says");
		this.#at += length;
		return this.#bytes.subarray(this.#at - length, this.#at);
	}

	uint(size: 1 | 2 | 3): number {
		return this.bytes(size).reduce((value, byte) => value * 256 + byte, 0);
	}

	vector(size: 1 | 2 | 3): Uint8Array {
		return this.bytes(this.uint(size));
	}
}
