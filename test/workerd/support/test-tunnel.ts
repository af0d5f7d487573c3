/** The agent's end of a tunnel as a test plays it: it takes streams and answers them frame by frame. */
import {
	decodeFrame,
	encodeAnswerFrame,
	encodeFrame,
	encodeJsonFrame,
	encodeWindowFrame,
	FRAME,
	jsonOf,
	type RequestHead,
	type ResponseHead,
	splitStream,
	type TunnelFault,
	withStream,
} from "../../../src/core/tunnel/frame.ts";
import { fetchWorker } from "./bindings.ts";
import type { TestAgent } from "./test-agent.ts";

export interface TestStream {
	head: RequestHead;
	/** The request's body, once it is complete. */
	body: Promise<string>;
	/** The other side has no use for it any more. */
	gone: Promise<void>;
	answer(head: Partial<ResponseHead>, body?: string): void;
	/** In one frame, as an agent sends what is short. */
	answerWhole(body: string): void;
	reset(code: TunnelFault["code"]): void;
}

interface Incoming {
	chunks: Uint8Array[];
	complete(text: string): void;
	leave(): void;
}

export class TestTunnel {
	readonly #socket: WebSocket;
	readonly #incoming = new Map<number, Incoming>();
	readonly #streams: TestStream[] = [];
	readonly #waiting: ((stream: TestStream) => void)[] = [];

	private constructor(socket: WebSocket) {
		this.#socket = socket;
		socket.binaryType = "arraybuffer";
		socket.addEventListener("message", ({ data }) => {
			if (typeof data !== "string") this.#take(new Uint8Array(data as ArrayBuffer));
		});
		socket.accept();
	}

	static async open(agent: TestAgent, tunnel = 0): Promise<TestTunnel> {
		const headers = { Upgrade: "websocket", authorization: `Bearer ${agent.credential}` };
		const { webSocket, status } = await fetchWorker(`/clusters/${agent.cluster.name}/agent/v1/tunnels/${tunnel}`, { headers });
		if (!webSocket) throw new Error(`tunnel: ${status}`);
		return new TestTunnel(webSocket);
	}

	/** The next stream that the control plane opens. */
	stream(): Promise<TestStream> {
		const next = this.#streams.shift();
		return next ? Promise.resolve(next) : new Promise((resolve) => this.#waiting.push(resolve));
	}

	#take(message: Uint8Array): void {
		const split = splitStream(message);
		const frame = split && decodeFrame(split.frame);
		if (!split || !frame) return;
		const incoming = this.#incoming.get(split.id);
		if (frame.type === FRAME.OPEN) this.#open(split.id, jsonOf<RequestHead>(frame.payload));
		else if (frame.type === FRAME.DATA) incoming?.chunks.push(frame.payload);
		else if (frame.type === FRAME.END) incoming?.complete(incoming.chunks.map((chunk) => new TextDecoder().decode(chunk)).join(""));
		else if (frame.type === FRAME.RESET) incoming?.leave();
	}

	#open(id: number, head: RequestHead): void {
		const body = Promise.withResolvers<string>();
		const gone = Promise.withResolvers<void>();
		this.#incoming.set(id, { chunks: [], complete: body.resolve, leave: gone.resolve });
		const send = (frame: Uint8Array) => this.#socket.send(withStream(id, frame));
		send(encodeWindowFrame(0));
		const stream: TestStream = {
			head,
			body: body.promise,
			gone: gone.promise,
			answer: (answer, text = "") => {
				send(encodeJsonFrame(FRAME.HEAD, { status: 200, statusText: "", headers: [], ...answer } satisfies ResponseHead));
				if (text !== "") send(encodeFrame(FRAME.DATA, new TextEncoder().encode(text)));
				send(encodeFrame(FRAME.END));
			},
			answerWhole: (text) => send(encodeAnswerFrame({ status: 200, statusText: "", headers: [] }, new TextEncoder().encode(text))),
			reset: (code) => send(encodeJsonFrame(FRAME.RESET, { code, message: "a secret of the inside" } satisfies TunnelFault)),
		};
		const waiting = this.#waiting.shift();
		if (waiting) waiting(stream);
		else this.#streams.push(stream);
	}
}
