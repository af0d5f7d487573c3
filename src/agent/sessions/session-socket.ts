/** One session's WebSocket: binary messages with back-pressure in both directions. */
import { WebSocket, type RawData } from "ws";
import type { SessionHello } from "../../core/protocol/agent-protocol.ts";
import type { ControlPlaneClient } from "../control-plane-client.ts";

/** Bytes waiting for the network above which a sender waits. */
export const HIGH_WATER_BYTES = 1024 * 1024;
/** A larger message closes the session: clients send in pieces of 32 KiB and less. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const HANDSHAKE_TIMEOUT_MS = 15_000;
/** How long a closed session may take to flush. */
const CLOSE_TIMEOUT_MS = 10_000;

export class SessionSocket {
	readonly #socket: WebSocket;
	readonly #closed: Promise<void>;
	readonly #abort = new AbortController();
	#onMessage: (data: Buffer) => void = () => undefined;
	#early: Buffer[] = [];
	#listening = false;

	/** Dials `/agent/v1/sessions/{id}`; rejects when the control plane does not take it. */
	static dial(client: ControlPlaneClient, id: string): Promise<SessionSocket> {
		const url = client.url(`/agent/v1/sessions/${encodeURIComponent(id)}`);
		const address = url.href.replace(/^http/, "ws");
		const socket = new WebSocket(address, {
			...client.tlsOptions,
			headers: { Authorization: `Bearer ${client.credential}` },
			perMessageDeflate: false,
			handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
			maxPayload: MAX_MESSAGE_BYTES,
		});
		return new Promise((resolve, reject) => {
			socket.once("error", reject);
			// Made before "open" resolves, so that no early message is lost.
			const session = new SessionSocket(socket);
			socket.once("open", () => {
				socket.off("error", reject);
				resolve(session);
			});
		});
	}

	constructor(socket: WebSocket) {
		this.#socket = socket;
		this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
		socket.on("error", () => this.#abort.abort());
		socket.once("close", () => this.#abort.abort());
		socket.on("message", (data: RawData, isBinary: boolean) => {
			if (!isBinary) return;
			const bytes = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
			if (this.#listening) this.#onMessage(bytes);
			else this.#early.push(bytes);
		});
	}

	/** Aborts when the socket is gone. */
	get signal(): AbortSignal {
		return this.#abort.signal;
	}

	get closed(): Promise<void> {
		return this.#closed;
	}

	/** Binary messages from now on, those that came before included. */
	listen(onMessage: (data: Buffer) => void): void {
		this.#onMessage = onMessage;
		this.#listening = true;
		for (const data of this.#early.splice(0)) onMessage(data);
	}

	hello(hello: SessionHello): void {
		this.#socket.send(JSON.stringify(hello));
	}

	/** Resolves when there is room for more; a socket that is gone takes everything silently. */
	send(data: Uint8Array): Promise<void> {
		if (this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve();
		if (this.#socket.bufferedAmount < HIGH_WATER_BYTES) {
			this.#socket.send(data, () => undefined);
			return Promise.resolve();
		}
		return new Promise((resolve) => this.#socket.send(data, () => resolve()));
	}

	/** Stops reading from the network: the other side is held back. */
	pause(): void {
		if (this.#socket.readyState === WebSocket.OPEN) this.#socket.pause();
	}

	resume(): void {
		if (this.#socket.readyState === WebSocket.OPEN) this.#socket.resume();
	}

	/** Flushes and closes; a peer that does not answer is cut off. */
	async close(code = 1000, reason = ""): Promise<void> {
		this.#socket.resume();
		this.#socket.close(code, reason);
		const timer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
		await this.#closed;
		clearTimeout(timer);
	}

	terminate(): void {
		this.#socket.terminate();
	}
}
