/** A WebSocket to a server over a connection of our own, joined with the client's that asked for it. */
import { MESSAGE_BYTES_MAX } from "../../core/tunnel/frame.ts";
import { exchangeUpgrade, type Incoming, type OutgoingRequest } from "./http1.ts";
import { closeOf, closePayload, encodeWebSocketFrame, OPCODE, readWebSocketFrame } from "./web-socket-frames.ts";
import { concat } from "./tls/tls-bytes.ts";
import type { Duplex } from "./tls/tls-client.ts";

const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const ABNORMAL = 1006;
const NO_STATUS = 1005;
const GOING_AWAY = 1001;
const encoder = new TextEncoder();
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** What the client's handshake is made of anew. */
const HANDSHAKE = /^sec-websocket-/i;

async function acceptOf(key: string): Promise<string> {
	return base64(new Uint8Array(await crypto.subtle.digest("SHA-1", encoder.encode(key + ACCEPT_GUID))));
}

/** 101 with the client's end, or what the server answers otherwise. */
export async function exchangeWebSocket(connection: Duplex, request: OutgoingRequest, protocols: readonly string[]): Promise<Response> {
	const key = base64(crypto.getRandomValues(new Uint8Array(16)));
	const upgrade = ["connection: Upgrade", "upgrade: websocket", `sec-websocket-key: ${key}`, "sec-websocket-version: 13"];
	if (protocols.length > 0) upgrade.push(`sec-websocket-protocol: ${protocols.join(", ")}`);
	const own = { ...request, headers: request.headers.filter(([name]) => !HANDSHAKE.test(name)) };
	const { status, headers, refusal, incoming } = await exchangeUpgrade(connection, own, upgrade);
	if (status !== 101) return refusal;
	if (headers.get("sec-websocket-accept") !== (await acceptOf(key))) throw new Error("websocket: bad handshake");
	const { 0: client, 1: server } = new WebSocketPair();
	new Join(server, connection.writable.getWriter(), incoming).start();
	const subprotocol = headers.get("sec-websocket-protocol") ?? "";
	return new Response(null, { status: 101, webSocket: client, headers: subprotocol === "" ? {} : { "sec-websocket-protocol": subprotocol } });
}

class Join {
	readonly #client: WebSocket;
	readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
	readonly #incoming: Incoming;
	#sending: Promise<unknown> = Promise.resolve();
	#isOver = false;

	constructor(client: WebSocket, writer: WritableStreamDefaultWriter<Uint8Array>, incoming: Incoming) {
		this.#client = client;
		this.#writer = writer;
		this.#incoming = incoming;
	}

	start(): void {
		const client = this.#client;
		client.binaryType = "arraybuffer";
		client.addEventListener("message", ({ data }) => {
			if (typeof data === "string") this.#send(OPCODE.TEXT, encoder.encode(data));
			else this.#send(OPCODE.BINARY, new Uint8Array(data as ArrayBuffer));
		});
		client.addEventListener("close", ({ code, reason }) => this.#send(OPCODE.CLOSE, closePayload(code, reason)));
		client.addEventListener("error", () => this.#end(ABNORMAL, ""));
		client.accept();
		this.#receive().catch(() => this.#end(ABNORMAL, ""));
	}

	#send(opcode: number, payload: Uint8Array): void {
		this.#sending = this.#sending
			.then(() => (this.#isOver ? undefined : this.#writer.write(encodeWebSocketFrame(opcode, payload, crypto.getRandomValues(new Uint8Array(4))))))
			.catch(() => this.#end(ABNORMAL, ""));
	}

	/** Exactly so many bytes; the server's end in the middle of a frame is an error. */
	readonly #take = async (length: number): Promise<Uint8Array> => {
		const pieces: Uint8Array[] = [];
		for (let left = length; left > 0; ) {
			const piece = await this.#incoming.some(left);
			if (piece === undefined) throw new Error("unexpected EOF");
			pieces.push(piece);
			left -= piece.length;
		}
		return pieces.length === 1 ? (pieces[0] as Uint8Array) : concat(...pieces);
	};

	async #receive(): Promise<void> {
		let opcode = 0;
		let pieces: Uint8Array[] = [];
		for (let length = 0; !this.#isOver; ) {
			const frame = await readWebSocketFrame(this.#take, MESSAGE_BYTES_MAX - length);
			if (frame.opcode === OPCODE.CLOSE) return this.#closed(frame.payload);
			if (frame.opcode === OPCODE.PING) this.#send(OPCODE.PONG, frame.payload);
			if (frame.opcode > OPCODE.BINARY) continue;
			if (frame.opcode !== OPCODE.CONTINUATION) opcode = frame.opcode;
			pieces.push(frame.payload);
			length += frame.payload.length;
			if (!frame.isFinal) continue;
			const whole = concat(...pieces);
			this.#client.send(opcode === OPCODE.TEXT ? new TextDecoder().decode(whole) : whole);
			[pieces, length] = [[], 0];
		}
	}

	#closed(payload: Uint8Array): void {
		this.#send(OPCODE.CLOSE, payload);
		const { code, reason } = closeOf(payload);
		void this.#sending.then(() => this.#end(code, reason));
	}

	#end(code: number, reason: string): void {
		if (this.#isOver) return;
		this.#isOver = true;
		try {
			if (code === NO_STATUS) this.#client.close();
			else this.#client.close(code === ABNORMAL ? GOING_AWAY : code, reason);
		} catch {
			// The client closed first.
		}
		this.#writer.close().catch(() => {});
		this.#incoming.cancel().catch(() => {});
	}
}
