/**
 * The serving side of a SPDY/3.1 connection over any byte channel: what kubectl's port-forward tunnels. Frames by the SPDY/3.1
 * specification; what is not needed (push, credentials) is refused or ignored as it says.
 *
 * Flow control: our window is opened as the application reads. The peer's window binds us only once the peer has shown that
 * it keeps one (SETTINGS or WINDOW_UPDATE): Kubernetes' Go client never sends either, and would be starved otherwise; the
 * channel's own back-pressure holds us back then.
 */
import { Duplex } from "node:stream";
import { HeaderDecoder, HeaderEncoder } from "./spdy-header-block.ts";

const VERSION = 3;
const FLAG_FIN = 1;
const FLAG_UNIDIRECTIONAL = 2;
const TYPE = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goaway: 7, headers: 8, windowUpdate: 9 } as const;
const SETTING_INITIAL_WINDOW = 7;
export const RST = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5, flowControlError: 7, streamInUse: 8, alreadyClosed: 9 } as const;

export const INITIAL_WINDOW_BYTES = 64 * 1024;
/** Largest data frame we send. */
const MAX_DATA_BYTES = 16 * 1024;
/** A larger control frame ends the connection. */
const MAX_CONTROL_BYTES = 128 * 1024;
const MAX_FRAME_BYTES = 2 ** 24 - 1;
export const MAX_STREAMS = 1_000;
/** Unread bytes of one stream above which the whole channel is held back: the peer may not know of windows. */
const STREAM_BUFFER_BYTES = 1024 * 1024;

export interface SpdyChannel {
	/** Resolves when there is room for more. */
	send(bytes: Uint8Array): Promise<void>;
	pause(): void;
	resume(): void;
}

export class SpdyStream extends Duplex {
	readonly id: number;
	readonly headers: ReadonlyMap<string, string>;
	readonly #connection: SpdyConnection;
	/** What the peer lets us send; meaningful once it keeps windows. */
	sendWindow: number;
	#unread = 0;
	#queued: Buffer[] = [];
	#flowing = false;
	#ended = false;
	#waiting: (() => void) | undefined;

	constructor(connection: SpdyConnection, id: number, headers: ReadonlyMap<string, string>, sendWindow: number) {
		super({ allowHalfOpen: true });
		this.#connection = connection;
		this.id = id;
		this.headers = headers;
		this.sendWindow = sendWindow;
		// A stream that is reset is over; whoever pipes it sees the close.
		this.on("error", () => undefined);
	}

	/** Bytes from the peer. */
	receive(data: Buffer, fin: boolean): void {
		if (this.#ended || this.destroyed) return;
		if (data.length > 0) {
			this.#unread += data.length;
			this.#queued.push(data);
		}
		if (fin) this.#ended = true;
		this.#connection.held(this, this.#unread > STREAM_BUFFER_BYTES);
		if (this.#flowing) this.#deliver();
	}

	override _read(): void {
		this.#flowing = true;
		this.#deliver();
	}

	#deliver(): void {
		while (this.#flowing) {
			const chunk = this.#queued.shift();
			if (!chunk) {
				if (this.#ended) {
					this.#flowing = false;
					this.push(null);
				}
				return;
			}
			this.#flowing = this.push(chunk);
			this.#unread -= chunk.length;
			if (!this.#ended) this.#connection.windowUpdate(this.id, chunk.length);
			this.#connection.held(this, this.#unread > STREAM_BUFFER_BYTES);
		}
	}

	override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
		this.#sendAll(chunk).then(() => callback(), callback);
	}

	async #sendAll(chunk: Buffer): Promise<void> {
		let rest = chunk;
		while (rest.length > 0 && !this.destroyed) {
			const limit = this.#connection.peerKeepsWindows ? this.sendWindow : MAX_DATA_BYTES;
			if (limit <= 0) {
				await new Promise<void>((resolve) => {
					this.#waiting = resolve;
				});
				continue;
			}
			const piece = rest.subarray(0, Math.min(limit, MAX_DATA_BYTES));
			rest = rest.subarray(piece.length);
			this.sendWindow -= piece.length;
			await this.#connection.data(this.id, piece, false);
		}
	}

	override _final(callback: (error?: Error | null) => void): void {
		this.#connection.data(this.id, Buffer.alloc(0), true).then(() => callback(), callback);
	}

	override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
		this.#waiting?.();
		this.#connection.forget(this, !(this.writableFinished && this.#ended));
		callback(error);
	}

	/** The peer opened its window by `delta`. */
	opened(delta: number): void {
		this.sendWindow += delta;
		this.#waiting?.();
	}
}

export class SpdyConnection {
	readonly #channel: SpdyChannel;
	readonly #onStream: (stream: SpdyStream) => void;
	readonly #streams = new Map<number, SpdyStream>();
	readonly #holding = new Set<SpdyStream>();
	readonly #decoder = new HeaderDecoder();
	readonly #encoder = new HeaderEncoder();
	#buffer = Buffer.alloc(0);
	#work: Promise<void> = Promise.resolve();
	#replies: Promise<void> = Promise.resolve();
	#initialWindow = INITIAL_WINDOW_BYTES;
	#lastStreamId = 0;
	#closed = false;
	peerKeepsWindows = false;

	/** `onStream` gets each stream that the peer opens; it has been accepted already. */
	constructor(channel: SpdyChannel, onStream: (stream: SpdyStream) => void) {
		this.#channel = channel;
		this.#onStream = onStream;
	}

	get streamCount(): number {
		return this.#streams.size;
	}

	/** Bytes from the channel, in pieces of any size. Resolves when they are taken in; rejects on a broken connection. */
	receive(bytes: Buffer): Promise<void> {
		this.#work = this.#work.then(() => this.#take(bytes));
		return this.#work;
	}

	/** Ends all streams. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		for (const stream of [...this.#streams.values()]) stream.destroy();
		this.#decoder.close();
		this.#encoder.close();
	}

	data(id: number, data: Buffer, fin: boolean): Promise<void> {
		const header = Buffer.alloc(8);
		header.writeUInt32BE(id, 0);
		header.writeUInt32BE(((fin ? FLAG_FIN : 0) << 24) | data.length, 4);
		return this.#send(Buffer.concat([header, data]));
	}

	windowUpdate(id: number, delta: number): void {
		void this.#control(TYPE.windowUpdate, 0, words(id, delta));
	}

	/** A stream with too much unread holds the channel back, until none has. */
	held(stream: SpdyStream, full: boolean): void {
		if (full === this.#holding.has(stream)) return;
		if (full) this.#holding.add(stream);
		else this.#holding.delete(stream);
		if (this.#holding.size > 0) this.#channel.pause();
		else this.#channel.resume();
	}

	forget(stream: SpdyStream, reset: boolean): void {
		if (!this.#streams.delete(stream.id)) return;
		this.held(stream, false);
		if (reset && !this.#closed) void this.#control(TYPE.rstStream, 0, words(stream.id, RST.cancel));
	}

	#send(bytes: Buffer): Promise<void> {
		return this.#closed ? Promise.resolve() : this.#channel.send(bytes);
	}

	#control(type: number, flags: number, payload: Buffer): Promise<void> {
		const header = Buffer.alloc(8);
		header.writeUInt16BE(0x8000 | VERSION, 0);
		header.writeUInt16BE(type, 2);
		header.writeUInt32BE((flags << 24) | payload.length, 4);
		return this.#send(Buffer.concat([header, payload]));
	}

	async #take(bytes: Buffer): Promise<void> {
		this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
		while (this.#buffer.length >= 8 && !this.#closed) {
			const length = this.#buffer.readUInt32BE(4) & MAX_FRAME_BYTES;
			const control = (this.#buffer[0] as number) >= 0x80;
			if (control && length > MAX_CONTROL_BYTES) throw new Error("a SPDY control frame is too large");
			if (this.#buffer.length < 8 + length) return;
			const frame = this.#buffer.subarray(0, 8 + length);
			this.#buffer = this.#buffer.subarray(8 + length);
			if (control) await this.#takeControl(frame);
			else await this.#takeData(frame);
		}
	}

	async #takeData(frame: Buffer): Promise<void> {
		const id = frame.readUInt32BE(0) & 0x7fffffff;
		const stream = this.#streams.get(id);
		// Late data of a stream that is over here is dropped; of one that never was is an error.
		if (stream) stream.receive(frame.subarray(8), ((frame[4] as number) & FLAG_FIN) !== 0);
		else if (id > this.#lastStreamId) await this.#control(TYPE.rstStream, 0, words(id, RST.invalidStream));
	}

	async #takeControl(frame: Buffer): Promise<void> {
		const version = frame.readUInt16BE(0) & 0x7fff;
		if (version !== VERSION) throw new Error(`SPDY version ${version} is not spoken here`);
		const flags = frame[4] as number;
		const payload = frame.subarray(8);
		switch (frame.readUInt16BE(2)) {
			case TYPE.synStream:
				return this.#synStream(payload, flags);
			case TYPE.headers:
				await this.#decoder.decode(payload.subarray(4));
				return;
			case TYPE.synReply:
				await this.#decoder.decode(payload.subarray(4));
				return;
			case TYPE.rstStream:
				this.#reset(payload.readUInt32BE(0) & 0x7fffffff);
				return;
			case TYPE.settings:
				this.#settings(payload);
				return;
			case TYPE.ping:
				// Odd ids are the client's questions; even ones would answer ours, and we ask none.
				if (payload.readUInt32BE(0) % 2 === 1) await this.#control(TYPE.ping, 0, payload);
				return;
			case TYPE.windowUpdate:
				this.peerKeepsWindows = true;
				this.#streams.get(payload.readUInt32BE(0) & 0x7fffffff)?.opened(payload.readUInt32BE(4) & 0x7fffffff);
				return;
			default:
				// GOAWAY: the client opens no more; its streams end one by one. Unknown frames are ignored by rule.
				return;
		}
	}

	async #synStream(payload: Buffer, flags: number): Promise<void> {
		const id = payload.readUInt32BE(0) & 0x7fffffff;
		// The block must be inflated whatever becomes of the stream: the dictionary is shared.
		const headers = await this.#decoder.decode(payload.subarray(10));
		const refusal = id % 2 === 0 || id <= this.#lastStreamId ? RST.protocolError : this.#streams.size >= MAX_STREAMS ? RST.refusedStream : 0;
		this.#lastStreamId = Math.max(this.#lastStreamId, id);
		if (refusal) return this.#control(TYPE.rstStream, 0, words(id, refusal));
		const stream = new SpdyStream(this, id, headers, this.#initialWindow);
		this.#streams.set(id, stream);
		if ((flags & FLAG_UNIDIRECTIONAL) === 0) await this.#reply(id);
		this.#onStream(stream);
		if (flags & FLAG_FIN) stream.receive(Buffer.alloc(0), true);
	}

	#reply(id: number): Promise<void> {
		this.#replies = this.#replies.then(async () => {
			const block = await this.#encoder.encode(new Map());
			await this.#control(TYPE.synReply, 0, Buffer.concat([words(id), block]));
		});
		return this.#replies;
	}

	#reset(id: number): void {
		const stream = this.#streams.get(id);
		if (!stream) return;
		this.#streams.delete(id);
		this.held(stream, false);
		stream.destroy(new Error("the client reset the stream"));
	}

	#settings(payload: Buffer): void {
		const count = payload.readUInt32BE(0);
		for (let i = 0; i < count && 12 + i * 8 <= payload.length; i++) {
			const id = payload.readUInt32BE(4 + i * 8) & 0xffffff;
			if (id !== SETTING_INITIAL_WINDOW) continue;
			const window = payload.readUInt32BE(8 + i * 8);
			this.peerKeepsWindows = true;
			for (const stream of this.#streams.values()) stream.opened(window - this.#initialWindow);
			this.#initialWindow = window;
		}
	}
}

function words(...values: number[]): Buffer {
	const out = Buffer.alloc(values.length * 4);
	values.forEach((value, i) => {
		out.writeUInt32BE(value >>> 0, i * 4);
	});
	return out;
}
