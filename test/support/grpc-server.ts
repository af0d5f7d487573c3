/** A gRPC server of unary calls on a unix socket: what a driver or a plugin of a node is. */
import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { constants, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { dirname } from "node:path";
import { buffer } from "node:stream/consumers";
import { GrpcError, GRPC_STATUS, type Method } from "../../src/agent/runtime/containerd/grpc-client.ts";
import { decodeMessage, encodeMessage, type Message } from "../../src/core/codec/message.ts";

const FRAME_HEADER_BYTES = 5;

/** Answers a call; throws a GrpcError to refuse it. */
export type GrpcHandler = (request: Message) => Message | Promise<Message>;

export interface GrpcServer {
	close(): Promise<void>;
}

export async function serveGrpc(socketPath: string, calls: readonly (readonly [Method, GrpcHandler])[]): Promise<GrpcServer> {
	await mkdir(dirname(socketPath), { recursive: true });
	rmSync(socketPath, { force: true });
	const handlers = new Map(calls.map(([method, handler]) => [method.path, { method, handler }]));
	const server = createServer();
	const sessions = new Set<{ destroy(): void }>();
	server.on("session", (session) => {
		sessions.add(session);
		session.on("close", () => sessions.delete(session));
	});
	server.on("stream", (stream, headers) => void answer(stream, handlers.get(String(headers[constants.HTTP2_HEADER_PATH]))));
	await new Promise<void>((done, failed) => server.once("error", failed).listen(socketPath, done));
	return {
		close: () =>
			new Promise((done) => {
				for (const session of sessions) session.destroy();
				(server as Http2Server).close(() => done());
			}),
	};
}

async function answer(stream: ServerHttp2Stream, call: { method: Method; handler: GrpcHandler } | undefined): Promise<void> {
	stream.on("error", () => undefined);
	try {
		const body = await buffer(stream);
		if (call === undefined) throw new GrpcError(GRPC_STATUS.unimplemented, "unknown method");
		const bytes = encodeMessage(call.method.response, await call.handler(decodeMessage(call.method.request, body.subarray(FRAME_HEADER_BYTES))));
		const head = Buffer.alloc(FRAME_HEADER_BYTES);
		head.writeUInt32BE(bytes.length, 1);
		respond(stream, 0, "", Buffer.concat([head, bytes]));
	} catch (error) {
		respond(stream, error instanceof GrpcError ? error.code : GRPC_STATUS.unknown, (error as Error).message);
	}
}

function respond(stream: ServerHttp2Stream, code: number, message: string, body?: Buffer): void {
	if (stream.destroyed) return;
	stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
	stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(code), ...(message ? { "grpc-message": encodeURIComponent(message) } : {}) }));
	stream.end(body);
}
