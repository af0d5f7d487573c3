/** The agent's end of the relay to one other node: a WebSocket to the Relay object of the two, dialled again whenever it is cut. */
import { type RawData, WebSocket } from "ws";
import {
	decodeRelayMessage,
	encodePackets,
	encodeTaken,
	packetCost,
	RELAY_BEAT,
	RELAY_BEAT_MS,
	RELAY_GRANT_BYTES,
	RELAY_JOINED,
	RELAY_MESSAGE_BYTES_MAX,
	RELAY_PACKET_BYTES_MAX,
	RELAY_PARTED,
	RELAY_SILENCE_MS,
	RELAY_WINDOW_BYTES,
	RelayWindow,
} from "../../../core/relay/relay-frame.ts";
import { type Clock, sleep } from "../../clock.ts";
import type { ControlPlaneClient } from "../../control-plane-client.ts";
import { RETRY_INITIAL_MS, RetryDelay } from "../../retry-delay.ts";

/** A link that is there again is used soon: what was sent before that is repeated ever more rarely by the kernel. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
const REDIAL_MAX_MS = 5_000;
/** Packets that come together go together, up to this many bytes. */
const BATCH_BYTES = RELAY_MESSAGE_BYTES_MAX / 2;

export interface RelayLinkOptions {
	client: Pick<ControlPlaneClient, "url" | "tlsOptions" | "credential">;
	clock: Clock;
	/** The other node's name. */
	peer: string;
	receive(packet: Uint8Array): void;
	/** The other side has come or gone. */
	changed(): void;
}

export class RelayLink {
	readonly #options: RelayLinkOptions;
	readonly #halt = new AbortController();
	readonly #window = new RelayWindow(RELAY_WINDOW_BYTES);
	readonly #closed: Promise<void>;
	#socket: WebSocket | undefined;
	#joined = false;
	/** Taken in and not told of yet, in bytes. */
	#untold = 0;
	#batch: Uint8Array[] = [];
	#batchBytes = 1;

	constructor(options: RelayLinkOptions) {
		this.#options = options;
		this.#closed = this.#persist();
	}

	/** Whether both sides are there. */
	get joined(): boolean {
		return this.#joined;
	}

	/** Drops the packet when the other side is away or the link is full, as any link does. */
	send(packet: Uint8Array): void {
		if (!this.#joined || packet.length > RELAY_PACKET_BYTES_MAX) return;
		if (this.#batchBytes + packetCost(packet) > RELAY_MESSAGE_BYTES_MAX) this.#flush();
		if (this.#batch.length === 0) setImmediate(() => this.#flush());
		this.#batch.push(packet);
		this.#batchBytes += packetCost(packet);
		if (this.#batchBytes >= BATCH_BYTES) this.#flush();
	}

	async close(): Promise<void> {
		this.#halt.abort();
		this.#socket?.terminate();
		await this.#closed;
	}

	#flush(): void {
		const packets = this.#batch;
		this.#batch = [];
		this.#batchBytes = 1;
		if (packets.length === 0 || this.#socket?.readyState !== WebSocket.OPEN) return;
		const message = encodePackets(packets);
		if (this.#window.take(message.length)) this.#socket.send(message);
	}

	async #persist(): Promise<void> {
		const retry = new RetryDelay(Math.random, RETRY_INITIAL_MS, REDIAL_MAX_MS);
		while (!this.#halt.signal.aborted) {
			if (await this.#hold()) retry.reset();
			await sleep(this.#options.clock, retry.next(), this.#halt.signal);
		}
	}

	/** Resolves when the socket is gone; true when it had been open. */
	#hold(): Promise<boolean> {
		const { client, peer } = this.#options;
		const socket = new WebSocket(client.url(`/agent/v1/relays/${peer}`).href.replace(/^http/, "ws"), {
			...client.tlsOptions,
			headers: { Authorization: `Bearer ${client.credential}` },
			perMessageDeflate: false,
			handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
			maxPayload: RELAY_MESSAGE_BYTES_MAX,
		});
		this.#socket = socket;
		let opened = false;
		let beats: NodeJS.Timeout | undefined;
		let heardAtMs = Date.now();
		socket.once("open", () => {
			opened = true;
			heardAtMs = Date.now();
			beats = setInterval(() => {
				if (Date.now() - heardAtMs > RELAY_SILENCE_MS) socket.terminate();
				else socket.send(RELAY_BEAT);
			}, RELAY_BEAT_MS);
		});
		socket.on("message", (data, isBinary) => {
			heardAtMs = Date.now();
			if (isBinary) this.#message(bytesOf(data));
			else this.#word(bytesOf(data).toString());
		});
		socket.on("error", () => undefined);
		return new Promise((resolve) => {
			socket.once("close", () => {
				clearInterval(beats);
				this.#word(RELAY_PARTED);
				resolve(opened);
			});
		});
	}

	#word(word: string): void {
		if (word !== RELAY_JOINED && word !== RELAY_PARTED) return;
		this.#window.reset();
		this.#untold = 0;
		const joined = word === RELAY_JOINED;
		if (joined === this.#joined) return;
		this.#joined = joined;
		this.#options.changed();
	}

	#message(bytes: Buffer): void {
		const message = decodeRelayMessage(bytes);
		if (message?.type === "taken") this.#window.taken(message.bytes);
		if (message?.type !== "packets") return;
		for (const packet of message.packets) this.#options.receive(packet);
		this.#untold += bytes.length;
		if (this.#untold < RELAY_GRANT_BYTES) return;
		this.#socket?.send(encodeTaken(this.#untold));
		this.#untold = 0;
	}
}

/** ws gives fragments or an ArrayBuffer only where it is told to. */
const bytesOf = (data: RawData): Buffer => data as Buffer;
