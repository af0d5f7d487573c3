/**
 * One tunnel's WebSocket and the streams on it. What streams send waits here when the network is slow: interactive streams
 * before bulk ones, and each of them one frame at a time, so that none holds another up.
 */
import { type RawData, WebSocket } from "ws";
import {
	decodeFrame,
	encodeJsonFrame,
	FRAME,
	type Frame,
	jsonOf,
	MESSAGE_BYTES_MAX,
	type RequestHead,
	splitStream,
	STREAMS_MAX,
	TUNNEL_BEAT,
	TUNNEL_BEAT_MS,
	TUNNEL_SILENCE_MS,
	type TunnelPriority,
	withStream,
} from "../../core/tunnel/frame.ts";
import type { ControlPlaneClient } from "../control-plane-client.ts";
import { TunnelStream } from "./tunnel-stream.ts";

/** A tunnel without a stream for this long closes, in milliseconds. */
export const TUNNEL_IDLE_MS = 60_000;
/** Bytes waiting for the network above which frames wait for their turn. */
const HIGH_WATER_BYTES = 256 * 1024;
const HANDSHAKE_TIMEOUT_MS = 10_000;

interface Waiting {
	bytes: Uint8Array;
	sent(): void;
}

export interface TunnelSocketOptions {
	client: ControlPlaneClient;
	/** The tunnel's number. */
	tunnel: number;
	/** Shorter in tests. */
	idleMs?: number;
	/** Serves one stream; resolves when it is over. */
	serve(stream: TunnelStream, head: RequestHead): Promise<void>;
}

export class TunnelSocket {
	readonly #options: TunnelSocketOptions;
	readonly #socket: WebSocket;
	readonly #streams = new Map<number, TunnelStream>();
	readonly #waiting: Record<TunnelPriority, Waiting[]> = { interactive: [], bulk: [] };
	#idle: NodeJS.Timeout;
	#beats: NodeJS.Timeout | undefined;
	#heardAtMs = 0;
	readonly closed: Promise<void>;

	constructor(options: TunnelSocketOptions) {
		this.#options = options;
		const { client, tunnel } = options;
		this.#socket = new WebSocket(client.url(`/agent/v1/tunnels/${tunnel}`).href.replace(/^http/, "ws"), {
			...client.tlsOptions,
			headers: { Authorization: `Bearer ${client.credential}` },
			perMessageDeflate: false,
			handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
			maxPayload: MESSAGE_BYTES_MAX,
		});
		this.closed = new Promise((resolve) => this.#socket.once("close", () => resolve()));
		this.#socket.on("error", () => undefined);
		this.#socket.once("close", () => this.#ended());
		this.#socket.on("message", (data, isBinary) => this.#message(data, isBinary));
		this.#idle = setTimeout(() => this.close(), options.idleMs ?? TUNNEL_IDLE_MS);
	}

	get dialling(): boolean {
		return this.#socket.readyState === WebSocket.CONNECTING;
	}

	close(): void {
		this.#socket.close(1000);
	}

	terminate(): void {
		this.#socket.terminate();
	}

	/** Resolves once the frame is on its way; at once for what is small and must not wait. */
	send(id: number, frame: Uint8Array, priority?: TunnelPriority): Promise<void> {
		const bytes = withStream(id, frame);
		if (priority === undefined || this.#socket.bufferedAmount < HIGH_WATER_BYTES) {
			this.#write(bytes);
			return Promise.resolve();
		}
		return new Promise((sent) => this.#waiting[priority].push({ bytes, sent }));
	}

	#write(bytes: Uint8Array): void {
		if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes, () => this.#drain());
	}

	#drain(): void {
		while (this.#socket.bufferedAmount < HIGH_WATER_BYTES) {
			const next = this.#waiting.interactive.shift() ?? this.#waiting.bulk.shift();
			if (!next) return;
			this.#write(next.bytes);
			next.sent();
		}
	}

	#message(data: RawData, isBinary: boolean): void {
		this.#heardAtMs = Date.now();
		if (!isBinary) return;
		const split = splitStream(Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data));
		const frame = split && decodeFrame(split.frame);
		if (!split || !frame) return;
		if (frame.type === FRAME.OPEN) this.#open(split.id, frame);
		else this.#streams.get(split.id)?.receive(frame);
	}

	#open(id: number, frame: Frame): void {
		if (this.#streams.has(id)) return;
		const refuse = (message: string) => void this.send(id, encodeJsonFrame(FRAME.RESET, { code: "limit", message }));
		if (this.#streams.size >= STREAMS_MAX) return refuse(`this tunnel carries ${STREAMS_MAX} streams already`);
		let head: RequestHead;
		try {
			head = jsonOf<RequestHead>(frame.payload);
		} catch {
			return refuse("the stream's head is not JSON");
		}
		const stream = new TunnelStream(id, head.priority, (bytes, priority) => this.send(id, bytes, priority));
		this.#streams.set(id, stream);
		this.#keepAwake();
		stream.accept(!head.hasBody && !head.webSocket && (head.method === "GET" || head.method === "HEAD"));
		void this.#options.serve(stream, head).finally(() => {
			stream.close();
			this.#streams.delete(id);
			if (this.#streams.size === 0) this.#rest();
		});
	}

	#keepAwake(): void {
		clearTimeout(this.#idle);
		if (this.#beats) return;
		this.#heardAtMs = Date.now();
		this.#beats = setInterval(() => {
			if (Date.now() - this.#heardAtMs > TUNNEL_SILENCE_MS) this.terminate();
			else if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(TUNNEL_BEAT);
		}, TUNNEL_BEAT_MS);
	}

	#rest(): void {
		clearInterval(this.#beats);
		this.#beats = undefined;
		this.#idle = setTimeout(() => this.close(), this.#options.idleMs ?? TUNNEL_IDLE_MS);
	}

	#ended(): void {
		for (const stream of this.#streams.values()) stream.lost();
		for (const { sent } of [...this.#waiting.interactive.splice(0), ...this.#waiting.bulk.splice(0)]) sent();
		clearInterval(this.#beats);
		clearTimeout(this.#idle);
	}
}
