/** One WebSocket of a tunnel: messages pass in both directions, each as fast as its receiver takes it. */
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { MESSAGE_BYTES_MAX, type RequestHead } from "../../core/tunnel/frame.ts";
import { passedHeaders } from "./http-exchange.ts";
import { connectPlace, type Dial, type Place, TargetError } from "./target-connection.ts";
import type { TunnelStream } from "./tunnel-stream.ts";

/** What the handshake itself makes. */
const HANDSHAKE_HEADERS: ReadonlySet<string> = new Set([
	"connection",
	"upgrade",
	"sec-websocket-key",
	"sec-websocket-version",
	"sec-websocket-protocol",
	"sec-websocket-extensions",
]);
const ABNORMAL = 1006;
const NO_STATUS = 1005;
const GOING_AWAY = 1001;

export async function exchangeWebSocket(stream: TunnelStream, head: RequestHead, place: Place, dial: Dial): Promise<void> {
	const connection = await connectPlace(dial, place, head.tls);
	const headers = Object.fromEntries(head.headers.filter(([name]) => !HANDSHAKE_HEADERS.has(name.toLowerCase())));
	const socket = new WebSocket(`ws://tunnel${head.path}`, head.webSocket ?? [], {
		createConnection: () => connection as never,
		headers,
		perMessageDeflate: false,
		maxPayload: MESSAGE_BYTES_MAX,
	});
	const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
	stream.signal.addEventListener("abort", () => socket.terminate(), { once: true });
	socket.on("error", () => undefined);
	let sending: Promise<unknown> = Promise.resolve();
	socket.on("message", (data, isBinary) => {
		// One message after the other; the socket is held back meanwhile.
		socket.pause();
		sending = sending.then(() => stream.message(isBinary ? (data as Buffer) : data.toString())).then(() => socket.resume());
	});
	const refusal = await opened(socket);
	if (refusal) return passRefusal(stream, refusal);
	stream.head({ status: 101, statusText: "Switching Protocols", headers: [], subprotocol: socket.protocol });
	stream.listen({
		data: () => socket.terminate(),
		end: () => undefined,
		message: (data, taken) => socket.send(data, taken),
		close: (code, reason) => (code === NO_STATUS || code === ABNORMAL ? socket.close() : socket.close(code, reason)),
	});
	let [code, reason] = [NO_STATUS, ""];
	socket.once("close", (theirCode, theirReason) => {
		[code, reason] = [theirCode, theirReason.toString()];
	});
	await closed;
	await sending;
	stream.closeWebSocket(code === ABNORMAL ? GOING_AWAY : code, reason);
}

/** Undefined when it is open; the answer when the server answers otherwise. */
function opened(socket: WebSocket): Promise<IncomingMessage | undefined> {
	return new Promise((resolve, reject) => {
		socket.once("open", () => resolve(undefined));
		socket.once("unexpected-response", (_request, response) => resolve(response));
		socket.once("error", (error) => reject(new TargetError("lost", error.message)));
	});
}

async function passRefusal(stream: TunnelStream, response: IncomingMessage): Promise<void> {
	stream.head({ status: response.statusCode ?? 0, statusText: response.statusMessage ?? "", headers: passedHeaders(response.rawHeaders) });
	for await (const chunk of response as AsyncIterable<Buffer>) if (!(await stream.data(chunk))) break;
	stream.end();
	response.destroy();
}
