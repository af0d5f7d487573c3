/** The records of TLS 1.3 (RFC 8446, section 5): what is sent and received, sealed once there are keys. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { TrafficKeys } from "./key-schedule.ts";
import { concat, uint } from "./tls-bytes.ts";

export const CHANGE_CIPHER_SPEC = 20;
export const ALERT = 21;
export const HANDSHAKE = 22;
export const APPLICATION_DATA = 23;

/** Longest fragment, in bytes. */
export const FRAGMENT_BYTES_MAX = 16 * 1024;
const SEALED_BYTES_MAX = FRAGMENT_BYTES_MAX + 256;
const HEADER_LENGTH = 5;
const TAG_LENGTH = 16;

export interface TlsRecord {
	type: number;
	data: Uint8Array;
}

/** One direction: its keys, and the number of the next record under them. */
class Direction {
	keys: TrafficKeys | undefined;
	#sequence = 0;

	use(keys: TrafficKeys): void {
		this.keys = keys;
		this.#sequence = 0;
	}

	nonce(iv: Uint8Array): Uint8Array {
		const nonce = Uint8Array.from(iv);
		const view = new DataView(nonce.buffer);
		view.setUint32(8, view.getUint32(8) ^ (this.#sequence >>> 0));
		view.setUint32(4, view.getUint32(4) ^ Math.floor(this.#sequence / 2 ** 32));
		this.#sequence++;
		return nonce;
	}
}

export class RecordLayer {
	readonly sending = new Direction();
	readonly receiving = new Direction();
	readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
	readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
	#received = new Uint8Array() as Uint8Array;

	constructor(readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>) {
		this.#reader = readable.getReader();
		this.#writer = writable.getWriter();
	}

	/** Sends data of any length as records. */
	async send(type: number, data: Uint8Array): Promise<void> {
		const records: Uint8Array[] = [];
		for (let at = 0; at < data.length; at += FRAGMENT_BYTES_MAX) records.push(this.#record(type, data.subarray(at, at + FRAGMENT_BYTES_MAX)));
		await this.#writer.write(concat(...records));
	}

	#record(type: number, data: Uint8Array): Uint8Array {
		const { keys } = this.sending;
		if (keys === undefined) return concat(Uint8Array.of(type, 3, 1), uint(data.length, 2), data);
		const header = concat(Uint8Array.of(APPLICATION_DATA, 3, 3), uint(data.length + 1 + TAG_LENGTH, 2));
		const cipher = createCipheriv(keys.suite.cipher, keys.key, this.sending.nonce(keys.iv));
		cipher.setAAD(header);
		const sealed = cipher.update(concat(data, Uint8Array.of(type)));
		cipher.final();
		return concat(header, sealed, cipher.getAuthTag());
	}

	/** The next record, opened; undefined when the other side has gone without a word. */
	async receive(): Promise<TlsRecord | undefined> {
		const header = await this.#take(HEADER_LENGTH);
		if (header === undefined) return undefined;
		const type = header[0] as number;
		const length = (header[3] as number) * 256 + (header[4] as number);
		if (header[1] !== 3 || length > SEALED_BYTES_MAX) throw new Error("tls: first record does not look like a TLS handshake");
		const data = await this.#take(length);
		if (data === undefined) throw new Error("unexpected EOF");
		const { keys } = this.receiving;
		if (keys === undefined || type === CHANGE_CIPHER_SPEC) return { type, data };
		if (type !== APPLICATION_DATA) throw new Error("tls: a record is not sealed");
		return this.#opened(keys, header, data);
	}

	#opened(keys: TrafficKeys, header: Uint8Array, data: Uint8Array): TlsRecord {
		const decipher = createDecipheriv(keys.suite.cipher, keys.key, this.receiving.nonce(keys.iv));
		decipher.setAAD(header);
		decipher.setAuthTag(data.subarray(data.length - TAG_LENGTH));
		let plain: Uint8Array;
		try {
			plain = concat(decipher.update(data.subarray(0, data.length - TAG_LENGTH)), decipher.final());
		} catch {
			throw new Error("tls: bad record MAC");
		}
		const end = plain.findLastIndex((byte) => byte !== 0);
		if (end < 0) throw new Error("tls: a record has no type");
		return { type: plain[end] as number, data: plain.subarray(0, end) };
	}

	async #take(length: number): Promise<Uint8Array | undefined> {
		while (this.#received.length < length) {
			const { done, value } = await this.#reader.read();
			if (done) return undefined;
			this.#received = this.#received.length === 0 ? value : concat(this.#received, value);
		}
		const taken = this.#received.subarray(0, length);
		this.#received = this.#received.subarray(length);
		return taken;
	}

	async close(reason?: unknown): Promise<void> {
		await Promise.allSettled([this.#writer.close(), this.#reader.cancel(reason)]);
	}
}
