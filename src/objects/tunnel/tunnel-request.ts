/** One request through a tunnel of a node: the front door's end of a stream. */
import {
	answerOf,
	decodeFrame,
	encodeFrame,
	encodeJsonFrame,
	encodeWindowFrame,
	FRAME,
	type Header,
	jsonOf,
	piecesOf,
	type RequestHead,
	type ResponseHead,
	type TunnelFault,
	TUNNELS_MAX,
	windowCost,
	windowOf,
	type Frame,
} from "../../core/tunnel/frame.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { ReceiveWindow, SendWindow } from "../../core/tunnel/stream-window.ts";
import { tunnelObject } from "../addresses.ts";
import { CLUSTER_HEADER, TUNNEL_SIDE_HEADER } from "../rpc.ts";
import { joinWebSockets } from "./web-socket-join.ts";

const NORMAL_CLOSURE = 1000;
/** Answers that have no body, which Response insists on. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

export class TunnelError extends Error {
	readonly code: TunnelFault["code"];
	constructor({ code, message }: TunnelFault) {
		super(message);
		this.name = "TunnelError";
		this.code = code;
	}
}

export interface TunnelRequest extends Omit<RequestHead, "hasBody"> {
	body: AsyncIterable<Uint8Array> | Uint8Array | null;
	/** Ends the request: the client has gone, or its time is over. */
	signal?: AbortSignal | undefined;
	/** Called when nothing more passes: the answer is read to its end, or there is none. */
	ended?: () => void;
	/** The caller itself decides whether to ask again. */
	onlyOnce?: boolean;
}

/** The first tunnel of the node that has room. @throws TunnelError */
async function openSocket(env: WorkerEnv, cluster: string, node: string): Promise<WebSocket> {
	const headers = { Upgrade: "websocket", [CLUSTER_HEADER]: cluster, [TUNNEL_SIDE_HEADER]: "stream" };
	for (let index = 0; index < TUNNELS_MAX; index++) {
		const response = (await tunnelObject(env, cluster, node, index).fetch("https://object/tunnel", { headers })) as Response;
		if (response.webSocket) return response.webSocket;
	}
	throw new TunnelError({ code: "limit", message: `node ${JSON.stringify(node)} has too many requests under way` });
}

/** A request that only reads may be asked again when its tunnel was cut before there was an answer. */
const isRepeatable = ({ method, body, webSocket }: TunnelRequest): boolean => (method === "GET" || method === "HEAD") && body === null && !webSocket;

/**
 * What the target answers; for a WebSocket a 101 whose webSocket is the client's end.
 * @throws TunnelError when there is no answer.
 */
export async function requestThroughTunnel(env: WorkerEnv, cluster: string, node: string, request: TunnelRequest): Promise<Response> {
	try {
		return await new TunnelExchange(await openSocket(env, cluster, node), request).answer();
	} catch (error) {
		if (!(error instanceof TunnelError) || error.code !== "lost" || request.onlyOnce || !isRepeatable(request)) throw error;
		return new TunnelExchange(await openSocket(env, cluster, node), request).answer();
	}
}

function headersOf(pairs: readonly Header[]): Headers {
	const headers = new Headers();
	for (const [name, value] of pairs) headers.append(name, value);
	return headers;
}

class TunnelExchange {
	readonly #socket: WebSocket;
	readonly #request: TunnelRequest;
	readonly #sendWindow = new SendWindow();
	readonly #receiveWindow = new ReceiveWindow();
	readonly #answered = Promise.withResolvers<Response>();
	/** Chunks of the answer that nobody has read yet. */
	readonly #chunks: Uint8Array[] = [];
	#wake: () => void = () => undefined;
	#complete = false;
	#fault: TunnelError | undefined;
	#over = false;
	#onMessage: ((frame: Frame) => void) | undefined;

	constructor(socket: WebSocket, request: TunnelRequest) {
		this.#socket = socket;
		this.#request = request;
		socket.binaryType = "arraybuffer";
		socket.addEventListener("message", ({ data }) => {
			const frame = typeof data === "string" ? undefined : decodeFrame(new Uint8Array(data as ArrayBuffer));
			if (frame) this.#receive(frame);
		});
		const lost = () => this.#fail({ code: "lost", message: "the connection to the node was cut" });
		socket.addEventListener("close", lost);
		socket.addEventListener("error", lost);
		socket.accept();
		request.signal?.addEventListener("abort", this.#abort);
	}

	answer(): Promise<Response> {
		const { body, signal, ended: _ended, onlyOnce: _once, ...head } = this.#request;
		if (signal?.aborted) this.#abort();
		this.#send(encodeJsonFrame(FRAME.OPEN, { ...head, hasBody: body !== null, wholeAnswer: true } satisfies RequestHead));
		if (body !== null) void this.#sendBody(body);
		return this.#answered.promise;
	}

	#abort = (): void => {
		this.#send(encodeJsonFrame(FRAME.RESET, { code: "gone", message: "" } satisfies TunnelFault));
		const { reason } = this.#request.signal ?? {};
		this.#fail({ code: "gone", message: reason instanceof Error ? reason.message : "the client has gone" });
	};

	#send(frame: Uint8Array): void {
		if (this.#over) return;
		try {
			this.#socket.send(frame);
		} catch {
			// It is closing: its close event follows.
		}
	}

	async #sendBody(body: AsyncIterable<Uint8Array> | Uint8Array): Promise<void> {
		try {
			for await (const chunk of body instanceof Uint8Array ? [body] : body) {
				for (const piece of piecesOf(chunk)) {
					if (!(await this.#sendWindow.take(piece.length))) return;
					this.#send(encodeFrame(FRAME.DATA, piece));
				}
			}
			this.#send(encodeFrame(FRAME.END));
		} catch {
			// The client broke off in the middle of its body.
			this.#abort();
		}
	}

	#receive(frame: Frame): void {
		switch (frame.type) {
			case FRAME.WINDOW:
				return this.#sendWindow.grant(windowOf(frame.payload));
			case FRAME.HEAD:
				return this.#head(jsonOf<ResponseHead>(frame.payload));
			case FRAME.ANSWER:
				return this.#whole(answerOf(frame.payload));
			case FRAME.DATA:
				if (!this.#receiveWindow.arrived(frame.payload.length)) return this.#abort();
				this.#chunks.push(frame.payload);
				return this.#wake();
			case FRAME.END:
				this.#complete = true;
				this.#wake();
				return this.#finish();
			case FRAME.RESET:
				return this.#fail(jsonOf<TunnelFault>(frame.payload));
			default:
				if (!this.#receiveWindow.arrived(windowCost(frame))) return this.#abort();
				return this.#onMessage?.(frame);
		}
	}

	#whole({ head: { status, statusText, headers: pairs }, body }: ReturnType<typeof answerOf>): void {
		const isBodiless = BODILESS.has(status) || this.#request.method === "HEAD";
		this.#answered.resolve(new Response(isBodiless ? null : body, { status, statusText, headers: headersOf(pairs), encodeBody: "manual" }));
		this.#complete = true;
		this.#finish();
	}

	#head({ status, statusText, headers: pairs, subprotocol }: ResponseHead): void {
		const headers = headersOf(pairs);
		if (status === 101) return this.#answered.resolve(this.#webSocketAnswer(subprotocol ?? ""));
		if (BODILESS.has(status) || this.#request.method === "HEAD") {
			this.#answered.resolve(new Response(null, { status, statusText, headers }));
			return;
		}
		const length = headers.get("content-length");
		const fixed = length !== null && /^\d+$/.test(length) ? new FixedLengthStream(Number(length)) : undefined;
		if (fixed)
			void this.#body()
				.pipeTo(fixed.writable)
				.catch(() => undefined);
		// What the target encoded stays encoded as it is.
		this.#answered.resolve(new Response(fixed?.readable ?? this.#body(), { status, statusText, headers, encodeBody: "manual" }));
	}

	#body(): ReadableStream<Uint8Array> {
		return new ReadableStream<Uint8Array>(
			{
				pull: async (controller) => {
					while (this.#chunks.length === 0 && !this.#complete && !this.#fault) await new Promise<void>((resolve) => (this.#wake = resolve));
					const chunk = this.#chunks.shift();
					if (chunk) {
						controller.enqueue(chunk);
						this.#taken(chunk.length);
					} else if (this.#fault) controller.error(this.#fault);
					else controller.close();
				},
				cancel: () => this.#abort(),
			},
			{ highWaterMark: 0 },
		);
	}

	#taken(bytes: number): void {
		const grant = this.#receiveWindow.consumed(bytes);
		if (grant > 0) this.#send(encodeWindowFrame(grant));
	}

	#webSocketAnswer(subprotocol: string): Response {
		const { 0: client, 1: server } = new WebSocketPair();
		this.#onMessage = joinWebSockets(server, {
			sendWindow: this.#sendWindow,
			send: (frame) => this.#send(frame),
			taken: (bytes) => this.#taken(bytes),
			abort: this.#abort,
			done: () => this.#finish(),
		});
		this.#closeClient = () => server.close(1001, "the connection to the node was cut");
		return new Response(null, { status: 101, webSocket: client, headers: subprotocol === "" ? {} : { "sec-websocket-protocol": subprotocol } });
	}

	#closeClient: () => void = () => undefined;

	#fail(fault: TunnelFault): void {
		if (this.#over) return;
		this.#fault = new TunnelError(fault);
		this.#answered.reject(this.#fault);
		this.#wake();
		try {
			this.#closeClient();
		} catch {
			// The client closed first.
		}
		this.#finish();
	}

	#finish(): void {
		if (this.#over) return;
		this.#over = true;
		this.#sendWindow.close();
		this.#request.signal?.removeEventListener("abort", this.#abort);
		this.#request.ended?.();
		try {
			this.#socket.close(NORMAL_CLOSURE);
		} catch {
			// Closed already.
		}
	}
}
