/** A SPDY/3.1 client by hand, as far as port-forward needs one; it sends no WINDOW_UPDATE, as Kubernetes' Go client. */
import { constants, createDeflate } from "node:zlib";
import { SPDY_DICTIONARY } from "../../src/agent/sessions/spdy-header-block.ts";

export interface SpdyFrame {
	control: boolean;
	type: number;
	id: number;
	fin: boolean;
	payload: Buffer;
}

export class SpdyClient {
	readonly #send: (bytes: Buffer) => void;
	readonly #deflate = createDeflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH });
	#compressed: Buffer[] = [];
	#rest = Buffer.alloc(0);
	readonly frames: SpdyFrame[] = [];

	constructor(send: (bytes: Buffer) => void) {
		this.#send = send;
		this.#deflate.on("data", (chunk: Buffer) => this.#compressed.push(chunk));
	}

	receive(bytes: Buffer): void {
		this.#rest = Buffer.concat([this.#rest, bytes]);
		while (this.#rest.length >= 8) {
			const length = this.#rest.readUInt32BE(4) & 0xffffff;
			if (this.#rest.length < 8 + length) return;
			const payload = this.#rest.subarray(8, 8 + length);
			const control = (this.#rest[0] as number) >= 0x80;
			this.frames.push({
				control,
				type: control ? this.#rest.readUInt16BE(2) : 0,
				id: control ? (payload.length >= 4 ? payload.readUInt32BE(0) : 0) : this.#rest.readUInt32BE(0),
				fin: ((this.#rest[4] as number) & 1) !== 0,
				payload,
			});
			this.#rest = this.#rest.subarray(8 + length);
		}
	}

	async open(id: number, headers: Record<string, string>): Promise<void> {
		const parts: Buffer[] = [uint32(Object.keys(headers).length)];
		for (const text of Object.entries(headers).flat()) parts.push(uint32(Buffer.byteLength(text)), Buffer.from(text));
		this.#compressed = [];
		await new Promise<void>((resolve) => this.#deflate.write(Buffer.concat(parts), () => resolve()));
		this.control(1, 0, Buffer.concat([uint32(id), uint32(0), Buffer.alloc(2), ...this.#compressed]));
	}

	data(id: number, data: Buffer | string, fin = false): void {
		const bytes = Buffer.from(data);
		this.#send(Buffer.concat([uint32(id), uint32((fin ? 0x01000000 : 0) | bytes.length), bytes]));
	}

	control(type: number, flags: number, payload: Buffer): void {
		this.#send(Buffer.concat([Buffer.from([0x80, 3, 0, type]), uint32((flags << 24) | payload.length), payload]));
	}

	/** All data of a stream so far. */
	dataOf(id: number): Buffer {
		return Buffer.concat(this.frames.filter((f) => !f.control && f.id === id).map((f) => f.payload));
	}

	finished(id: number): boolean {
		return this.frames.some((f) => !f.control && f.id === id && f.fin);
	}
}

function uint32(value: number): Buffer {
	const out = Buffer.alloc(4);
	out.writeUInt32BE(value >>> 0);
	return out;
}
