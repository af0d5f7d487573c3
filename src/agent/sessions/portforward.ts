/**
 * `kubectl port-forward`: portforward.k8s.io v1 over tunnelled SPDY. Each connection is a pair of streams with the same request
 * id: `error` carries at most one message to the client, `data` the bytes (k8s.io/kubelet/pkg/cri/streaming/portforward).
 */
import type { Duplex } from "node:stream";
import { errorText, type Logger } from "../log.ts";
import type { SessionSocket } from "./session-socket.ts";
import { SpdyConnection, type SpdyStream } from "./spdy.ts";

/** A pair whose second stream does not come within this time is given up: upstream's stream creation timeout. */
export const PAIR_TIMEOUT_MS = 30_000;

interface Pair {
	error?: SpdyStream;
	data?: SpdyStream;
	timer: NodeJS.Timeout;
}

export async function servePortForward(socket: SessionSocket, dial: (port: number) => Promise<Duplex>, log: Logger): Promise<void> {
	const pairs = new Map<string, Pair>();
	const connection = new SpdyConnection({ send: (bytes) => socket.send(bytes), pause: () => socket.pause(), resume: () => socket.resume() }, (stream) =>
		takeStream(stream, pairs, dial, log),
	);
	socket.listen((bytes) => {
		connection.receive(bytes).catch((error: unknown) => {
			log.warn("a port-forward connection broke", { error });
			socket.terminate();
		});
	});
	await socket.closed;
	for (const pair of pairs.values()) clearTimeout(pair.timer);
	connection.close();
}

function takeStream(stream: SpdyStream, pairs: Map<string, Pair>, dial: (port: number) => Promise<Duplex>, log: Logger): void {
	const type = stream.headers.get("streamtype");
	const port = Number(stream.headers.get("port"));
	if ((type !== "error" && type !== "data") || !Number.isInteger(port) || port < 1 || port > 65_535) {
		stream.destroy();
		return;
	}
	// Old clients name no request: they open the data stream right after its error stream.
	const id = stream.headers.get("requestid") ?? String(type === "error" ? stream.id : stream.id - 2);
	let pair = pairs.get(id);
	if (!pair) {
		const timer = setTimeout(() => giveUp(pairs, id), PAIR_TIMEOUT_MS);
		pair = { timer };
		pairs.set(id, pair);
	}
	pair[type] = stream;
	if (!pair.error || !pair.data) return;
	clearTimeout(pair.timer);
	pairs.delete(id);
	forward(pair.error, pair.data, port, dial).catch((error: unknown) => log.warn("a forwarded connection failed", { port, error }));
}

function giveUp(pairs: Map<string, Pair>, id: string): void {
	const pair = pairs.get(id);
	pairs.delete(id);
	pair?.error?.end("the other stream of the connection did not come");
	pair?.data?.destroy();
}

async function forward(errorStream: SpdyStream, dataStream: SpdyStream, port: number, dial: (port: number) => Promise<Duplex>): Promise<void> {
	errorStream.resume();
	let target: Duplex;
	try {
		target = await dial(port);
	} catch (error) {
		errorStream.end(`an error occurred forwarding ${port} -> ${port}: ${errorText(error)}`);
		dataStream.resume();
		dataStream.end();
		return;
	}
	await new Promise<void>((resolve) => {
		target.on("error", () => dataStream.destroy());
		dataStream.on("close", () => target.destroy());
		target.on("close", () => {
			// The rest of what the target said still goes out; what the client says has nowhere to go.
			dataStream.resume();
			resolve();
		});
		target.pipe(dataStream);
		dataStream.pipe(target);
	});
	errorStream.end();
}
