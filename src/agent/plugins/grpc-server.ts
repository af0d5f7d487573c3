/** gRPC over HTTP/2 on a unix socket, the serving side: unary calls, and streams of messages. (grpc.io, PROTOCOL-HTTP2.md) */
import { rmSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { constants, createServer, type ServerHttp2Stream } from "node:http2";
import { dirname } from "node:path";
import { decodeMessage, encodeMessage, type Message } from "../../core/codec/message.ts";
import { GrpcError, GRPC_STATUS, type Method } from "../runtime/containerd/grpc-client.ts";

const FRAME_HEADER_BYTES = 5;
/** As gRPC's own servers allow. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;
/** What answers is the agent's or its plugins': root's. */
const SOCKET_MODE = 0o660;

/** Answers a call, with one message or with several as they come; throws a GrpcError to refuse it. */
export type GrpcHandler = (request: Message, signal: AbortSignal) => Message | Promise<Message> | AsyncIterable<Message>;

export interface GrpcServer {
	close(): Promise<void>;
}

type Call = { method: Method; handler: GrpcHandler };

export async function serveGrpc(socketPath: string, calls: readonly (readonly [Method, GrpcHandler])[]): Promise<GrpcServer> {
	await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 });
	rmSync(socketPath, { force: true });
	const handlers = new Map(calls.map(([method, handler]): [string, Call] => [method.path, { method, handler }]));
	const server = createServer();
	const sessions = new Set<{ destroy(): void }>();
	server.on("session", (session) => {
		sessions.add(session);
		session.on("close", () => sessions.delete(session));
	});
	server.on("stream", (stream, headers) => void answer(stream, handlers.get(String(headers[constants.HTTP2_HEADER_PATH]))));
	await new Promise<void>((done, failed) => server.once("error", failed).listen(socketPath, done));
	await chmod(socketPath, SOCKET_MODE);
	return {
		close: () =>
			new Promise((done) => {
				for (const session of sessions) session.destroy();
				server.close(() => done());
			}),
	};
}

async function answer(stream: ServerHttp2Stream, call: Call | undefined): Promise<void> {
	const gone = new AbortController();
	stream.on("error", () => undefined);
	stream.on("close", () => gone.abort());
	try {
		const body = await readRequest(stream);
		if (call === undefined) throw new GrpcError(GRPC_STATUS.unimplemented, "unknown method");
		const answered = call.handler(decodeMessage(call.method.request, body.subarray(FRAME_HEADER_BYTES)), gone.signal);
		if (isStream(answered)) for await (const message of answered) send(stream, call.method, message);
		else send(stream, call.method, await answered);
		finish(stream, 0, "");
	} catch (error) {
		finish(stream, error instanceof GrpcError ? error.code : GRPC_STATUS.unknown, (error as Error).message);
	}
}

const isStream = (answered: ReturnType<GrpcHandler>): answered is AsyncIterable<Message> => Symbol.asyncIterator in answered;

async function readRequest(stream: ServerHttp2Stream): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of stream as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > REQUEST_BYTES_MAX) throw new GrpcError(GRPC_STATUS.unknown, `a request of more than ${REQUEST_BYTES_MAX} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
}

function begin(stream: ServerHttp2Stream): void {
	if (!stream.headersSent) stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
}

function send(stream: ServerHttp2Stream, method: Method, message: Message): void {
	if (stream.destroyed) return;
	const bytes = encodeMessage(method.response, message);
	const head = Buffer.alloc(FRAME_HEADER_BYTES);
	head.writeUInt32BE(bytes.length, 1);
	begin(stream);
	stream.write(Buffer.concat([head, bytes]));
}

function finish(stream: ServerHttp2Stream, code: number, message: string): void {
	if (stream.destroyed) return;
	begin(stream);
	stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(code), ...(message ? { "grpc-message": encodeURIComponent(message) } : {}) }));
	stream.end();
}
