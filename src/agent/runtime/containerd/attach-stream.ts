/**
 * Attach through CRI's streaming server, as a SPDY/3.1 client (k8s.io/apimachinery, remotecommand v4): that protocol,
 * unlike the streaming server's WebSocket, can close standard input alone and leave input out.
 */
import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { HeaderEncoder } from "../../sessions/spdy-header-block.ts";
import { type ExecOptions, RuntimeError } from "../runtime.ts";
import { CRI } from "./cri-messages.ts";
import type { GrpcClient } from "./grpc-client.ts";

const CALL_TIMEOUT_MS = 10_000;
const VERSION = 0x8003;
const TYPE = { synStream: 1, ping: 6 } as const;
const FLAG_FIN = 1;
const FRAME_HEADER_BYTES = 8;
const LENGTH_MASK = 0xffffff;
const CHUNK_BYTES_MAX = 64 * 1024;

export type AttachOptions = Omit<ExecOptions, "command" | "timeoutMs">;

type StreamType = "error" | "stdin" | "stdout" | "stderr" | "resize";

async function upgrade(url: string): Promise<{ socket: Socket; head: Buffer }> {
	const headers = { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io" };
	const outgoing = request(url, { method: "POST", headers, timeout: CALL_TIMEOUT_MS });
	outgoing.once("timeout", () => outgoing.destroy(new Error("the streaming server did not answer")));
	outgoing.once("response", (response) => outgoing.destroy(new Error(`the streaming server answered ${response.statusCode}`)));
	outgoing.end();
	try {
		const [, socket, head] = (await once(outgoing, "upgrade")) as [unknown, Socket, Buffer];
		socket.setTimeout(0);
		return { socket, head };
	} catch (error) {
		throw new RuntimeError("Unavailable", `cannot attach: ${(error as Error).message}`, { cause: error });
	}
}

/** The client's side of one connection with a stream for each channel. */
class AttachConnection {
	#socket: Socket;
	#encoder = new HeaderEncoder();
	#targets = new Map<number, Writable>();
	#pending: Buffer;
	#nextId = 1;

	constructor(socket: Socket, head: Buffer) {
		this.#socket = socket;
		this.#pending = head;
		socket.on("error", () => undefined);
	}

	/** Opens a stream; what comes on it goes to `target`. */
	async open(type: StreamType, target?: Writable): Promise<number> {
		const id = this.#nextId;
		this.#nextId += 2;
		if (target !== undefined) this.#targets.set(id, target);
		const block = await this.#encoder.encode(new Map([["streamtype", type]]));
		const payload = Buffer.alloc(10);
		payload.writeUInt32BE(id, 0);
		this.#control(TYPE.synStream, Buffer.concat([payload, block]));
		return id;
	}

	#control(type: number, payload: Buffer): void {
		const header = Buffer.alloc(FRAME_HEADER_BYTES);
		header.writeUInt16BE(VERSION, 0);
		header.writeUInt16BE(type, 2);
		header.writeUInt32BE(payload.length, 4);
		this.#socket.write(Buffer.concat([header, payload]));
	}

	/** Resolves when there is room for more. */
	async send(id: number, data: Buffer, fin: boolean): Promise<void> {
		const header = Buffer.alloc(FRAME_HEADER_BYTES);
		header.writeUInt32BE(id, 0);
		header.writeUInt32BE(((fin ? FLAG_FIN : 0) << 24) | data.length, 4);
		if (this.#socket.destroyed || this.#socket.write(Buffer.concat([header, data]))) return;
		await Promise.race([once(this.#socket, "drain"), once(this.#socket, "close")]);
	}

	#take(chunk: Buffer): void {
		this.#pending = Buffer.concat([this.#pending, chunk]);
		while (this.#pending.length >= FRAME_HEADER_BYTES) {
			const end = FRAME_HEADER_BYTES + (this.#pending.readUInt32BE(4) & LENGTH_MASK);
			if (this.#pending.length < end) return;
			const frame = this.#pending.subarray(0, end);
			this.#pending = this.#pending.subarray(end);
			const control = (frame.readUInt16BE(0) & 0x8000) !== 0;
			if (!control) this.#deliver(frame.readUInt32BE(0), frame.subarray(FRAME_HEADER_BYTES));
			else if (frame.readUInt16BE(2) === TYPE.ping && frame.readUInt32BE(8) % 2 === 0) this.#control(TYPE.ping, frame.subarray(FRAME_HEADER_BYTES));
		}
	}

	#deliver(id: number, data: Buffer): void {
		const target = this.#targets.get(id);
		if (target === undefined || data.length === 0 || target.destroyed || target.write(data)) return;
		this.#socket.pause();
		const resume = (): void => void this.#socket.resume();
		target.once("drain", resume).once("close", resume);
	}

	/** Hands output on until the connection ends. */
	async run(): Promise<void> {
		const closed = once(this.#socket, "close");
		this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
		this.#take(Buffer.alloc(0));
		if (!this.#socket.destroyed) await closed;
	}

	close(): void {
		this.#socket.destroy();
		this.#encoder.close();
	}
}

async function feed(connection: AttachConnection, id: number, stdin: Readable): Promise<void> {
	try {
		for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
			const data = Buffer.from(chunk as Uint8Array);
			for (let at = 0; at < data.length; at += CHUNK_BYTES_MAX) await connection.send(id, data.subarray(at, at + CHUNK_BYTES_MAX), false);
		}
	} finally {
		await connection.send(id, Buffer.alloc(0), true);
	}
}

async function followSizes(connection: AttachConnection, id: number, sizes: AttachOptions["resize"]): Promise<void> {
	if (sizes === undefined) return;
	for await (const { width, height } of sizes) await connection.send(id, Buffer.from(JSON.stringify({ Width: width, Height: height })), false);
}

/** The status that comes on the error stream, when it is not Success. */
function failureIn(text: string): RuntimeError | undefined {
	if (text === "") return undefined;
	const status = JSON.parse(text) as { status?: string; message?: string };
	return status.status === "Success" ? undefined : new RuntimeError("Unavailable", status.message ?? text);
}

/** Until the container ends or the caller leaves. */
export async function attachToContainer(client: GrpcClient, containerId: string, options: AttachOptions): Promise<void> {
	options.signal?.throwIfAborted();
	const { stdin, stdout, stderr, tty } = options;
	const wanted = { stdin: stdin !== undefined, stdout: true, stderr: !tty, tty };
	const { url } = await client.call(CRI.attach, { containerId, ...wanted }, CALL_TIMEOUT_MS);
	const { socket, head } = await upgrade(String(url));
	const connection = new AttachConnection(socket, head);
	const leave = (): void => connection.close();
	const complaint: Buffer[] = [];
	const errors = new PassThrough().on("data", (chunk: Buffer) => complaint.push(chunk));
	try {
		options.signal?.addEventListener("abort", leave);
		options.signal?.throwIfAborted();
		await connection.open("error", errors);
		const input = stdin === undefined ? undefined : await connection.open("stdin");
		await connection.open("stdout", stdout);
		if (!tty) await connection.open("stderr", stderr);
		if (tty) void followSizes(connection, await connection.open("resize"), options.resize).catch(() => undefined);
		if (stdin !== undefined && input !== undefined) void feed(connection, input, stdin).catch(() => undefined);
		await connection.run();
		options.signal?.throwIfAborted();
	} finally {
		options.signal?.removeEventListener("abort", leave);
		leave();
	}
	const failure = failureIn(Buffer.concat(complaint).toString("utf8"));
	if (failure !== undefined) throw failure;
}
