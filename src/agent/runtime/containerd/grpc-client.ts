/** gRPC over HTTP/2 on a unix socket: unary calls with a deadline, and server streams. (grpc.io, PROTOCOL-HTTP2.md) */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { decodeMessage, encodeMessage, type Message, type MessageType } from "../../../core/codec/message.ts";

export const GRPC_STATUS = {
	cancelled: 1,
	unknown: 2,
	deadlineExceeded: 4,
	notFound: 5,
	alreadyExists: 6,
	failedPrecondition: 9,
	unimplemented: 12,
	unavailable: 14,
} as const;

const FRAME_HEADER_BYTES = 5;
/** As containerd's own clients allow. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5000;
/** Added to the deadline that the server is told: it should be the one to say so. */
const DEADLINE_SLACK_MS = 500;

export class GrpcError extends Error {
	readonly code: number;
	constructor(code: number, message: string) {
		super(message);
		this.name = "GrpcError";
		this.code = code;
	}
}

export interface Method {
	/** /package.Service/Method */
	path: string;
	request: MessageType;
	response: MessageType;
	/** Sent as metadata. */
	headers?: Record<string, string>;
}

function frame(bytes: Uint8Array): Buffer {
	const head = Buffer.alloc(FRAME_HEADER_BYTES);
	head.writeUInt32BE(bytes.length, 1);
	return Buffer.concat([head, bytes]);
}

/** Cuts a stream of chunks into messages. */
class FrameReader {
	#pending: Buffer = Buffer.alloc(0);

	push(chunk: Buffer): Buffer[] {
		this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
		const messages: Buffer[] = [];
		while (this.#pending.length >= FRAME_HEADER_BYTES) {
			const length = this.#pending.readUInt32BE(1);
			if (length > MESSAGE_BYTES_MAX) throw new GrpcError(GRPC_STATUS.unknown, `a message of ${length} bytes is too long`);
			if (this.#pending[0] !== 0) throw new GrpcError(GRPC_STATUS.unimplemented, "compressed messages are not understood");
			if (this.#pending.length < FRAME_HEADER_BYTES + length) break;
			messages.push(this.#pending.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length));
			this.#pending = this.#pending.subarray(FRAME_HEADER_BYTES + length);
		}
		return messages;
	}
}

/** Undefined for success. */
function statusOf(headers: IncomingHttpHeaders | undefined): GrpcError | undefined {
	const code = headers?.["grpc-status"];
	if (code === undefined) return new GrpcError(GRPC_STATUS.unavailable, "the connection ended without an answer");
	if (code === "0") return undefined;
	return new GrpcError(Number(code), decodeURIComponent(String(headers?.["grpc-message"] ?? "")));
}

export class GrpcClient {
	#socketPath: string;
	#session: ClientHttp2Session | undefined;

	constructor(socketPath: string) {
		this.#socketPath = socketPath;
	}

	#connected(): ClientHttp2Session {
		if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) return this.#session;
		const session = connect("http://localhost", { createConnection: () => connectSocket({ path: this.#socketPath, timeout: CONNECT_TIMEOUT_MS }) });
		session.on("error", () => session.destroy());
		this.#session = session;
		return session;
	}

	#open(method: Method, request: Message, timeoutMs: number | undefined): ClientHttp2Stream {
		const stream = this.#connected().request({
			[constants.HTTP2_HEADER_METHOD]: "POST",
			[constants.HTTP2_HEADER_PATH]: method.path,
			[constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
			te: "trailers",
			...(timeoutMs === undefined ? {} : { "grpc-timeout": `${timeoutMs}m` }),
			...method.headers,
		});
		stream.end(frame(encodeMessage(method.request, request)));
		return stream;
	}

	/** Rejects with a GrpcError; `timeoutMs` is the deadline on both sides. */
	call(method: Method, request: Message, timeoutMs: number): Promise<Message> {
		return new Promise((resolve, reject) => {
			let headers: IncomingHttpHeaders | undefined;
			const messages: Buffer[] = [];
			const frames = new FrameReader();
			const stream = this.#open(method, request, timeoutMs);
			const timer = setTimeout(() => {
				reject(new GrpcError(GRPC_STATUS.deadlineExceeded, `${method.path} did not answer within ${timeoutMs}ms`));
				stream.close(constants.NGHTTP2_CANCEL);
			}, timeoutMs + DEADLINE_SLACK_MS);
			stream.on("response", (first) => {
				headers = first;
			});
			stream.on("trailers", (last) => {
				headers = last;
			});
			stream.on("data", (chunk: Buffer) => {
				try {
					messages.push(...frames.push(chunk));
				} catch (error) {
					stream.destroy(error as Error);
				}
			});
			stream.on("error", (error) => reject(error instanceof GrpcError ? error : new GrpcError(GRPC_STATUS.unavailable, error.message)));
			stream.on("close", () => {
				clearTimeout(timer);
				const failure = statusOf(headers);
				if (failure !== undefined) return reject(failure);
				try {
					resolve(decodeMessage(method.response, messages[0] ?? Buffer.alloc(0)));
				} catch (error) {
					reject(error);
				}
			});
		});
	}

	/** Calls `onMessage` for each message; resolves when the stream ends for whatever reason, or is aborted. */
	follow(method: Method, request: Message, onMessage: (message: Message) => void, signal: AbortSignal): Promise<void> {
		return new Promise((resolve) => {
			if (signal.aborted) return resolve();
			const frames = new FrameReader();
			const stream = this.#open(method, request, undefined);
			const abort = (): void => stream.close(constants.NGHTTP2_CANCEL);
			signal.addEventListener("abort", abort, { once: true });
			stream.on("data", (chunk: Buffer) => {
				try {
					for (const bytes of frames.push(chunk)) onMessage(decodeMessage(method.response, bytes));
				} catch (error) {
					stream.destroy(error as Error);
				}
			});
			stream.on("error", () => undefined);
			stream.on("close", () => {
				signal.removeEventListener("abort", abort);
				resolve();
			});
		});
	}

	close(): void {
		this.#session?.destroy();
		this.#session = undefined;
	}
}
