/**
 * One of a node's tunnels: joins the sockets of streams, which the front door holds one each, with the one socket that the
 * agent dials. Frames pass unread but for what ends a stream. All it knows of an accepted stream is in the sockets'
 * attachments, so the object sleeps under streams on which nothing happens. An opening stream is kept in memory until the
 * agent answers it: one whose tunnel turns out to be cut is opened again on the next.
 */
import { DurableObject } from "cloudflare:workers";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { encodeJsonFrame, FRAME, splitStream, STREAMS_MAX, TUNNEL_BEAT, TUNNEL_SILENCE_MS, type TunnelFault, withStream } from "../core/tunnel/frame.ts";
import { nodeObject } from "./addresses.ts";
import { logFault } from "./log.ts";
import { NODE_HEADER, TUNNEL_SIDE_HEADER } from "./rpc.ts";
import { countAlarm, countWake } from "./wake-count.ts";

/** How long the agent may take to dial, in milliseconds. */
export const TUNNEL_DIAL_MS = 10_000;
/** An agent that has not answered an opening stream by then is not there any more, in milliseconds. */
const OPEN_ANSWER_MS = 5_000;
const NORMAL_CLOSURE = 1000;
const GOING_AWAY = 1001;

interface Attachment {
	side: "agent" | "stream";
	id: number;
	accepted: boolean;
}

/** A stream that the agent has not answered yet. */
interface Opening {
	frames: Uint8Array[];
	timer: ReturnType<typeof setTimeout>;
}

const streamTag = (id: number): string => `stream/${id}`;

function closeQuietly(socket: WebSocket, code: number): void {
	try {
		socket.close(code);
	} catch {
		// Closed already.
	}
}

function sendQuietly(socket: WebSocket, bytes: Uint8Array): void {
	try {
		socket.send(bytes);
	} catch {
		// It is closing: its close event follows.
	}
}

export class TunnelObject extends DurableObject<WorkerEnv> {
	readonly #opening = new Map<number, Opening>();
	/** Streams that the agent has ended: it need not hear that they are gone. */
	readonly #complete = new Set<number>();
	#watched = false;
	/** When the agent was last asked to dial: one call is enough for all streams that wait. */
	#calledAtMs = 0;

	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Tunnel");
		ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(TUNNEL_BEAT, TUNNEL_BEAT));
	}

	/** /tunnel takes in a socket: the agent's, or a stream's (TUNNEL_SIDE_HEADER). 429: it carries STREAMS_MAX already. */
	override async fetch(request: Request): Promise<Response> {
		if (request.headers.get(TUNNEL_SIDE_HEADER) === "agent") return this.#takeAgent(request);
		if (this.ctx.getWebSockets("stream").length >= STREAMS_MAX) return new Response(null, { status: 429 });
		const id = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
		await this.#watch();
		return this.#accept({ side: "stream", id, accepted: false }, ["stream", streamTag(id)]);
	}

	#takeAgent(request: Request): Response {
		if (request.headers.get(NODE_HEADER) !== `system:node:${this.#place().node}`) return new Response(null, { status: 404 });
		this.#calledAtMs = 0;
		const older = this.ctx.getWebSockets("agent");
		const response = this.#accept({ side: "agent", id: 0, accepted: true }, ["agent"]);
		for (const socket of older) this.#lose(socket);
		const agent = this.#agent();
		for (const [id, opening] of this.#opening) {
			for (const frame of opening.frames) if (agent) sendQuietly(agent, withStream(id, frame));
			this.#expectAnswer(id, opening, OPEN_ANSWER_MS);
		}
		return response;
	}

	#accept(attachment: Attachment, tags: string[]): Response {
		const { 0: theirs, 1: ours } = new WebSocketPair();
		this.ctx.acceptWebSocket(ours, tags);
		ours.serializeAttachment(attachment);
		return new Response(null, { status: 101, webSocket: theirs });
	}

	override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
		if (typeof message === "string") return;
		const attachment = this.#attachment(socket);
		if (attachment.side === "agent") this.#fromAgent(socket, new Uint8Array(message));
		else this.#fromStream(attachment.id, new Uint8Array(message));
	}

	#fromAgent(agent: WebSocket, message: Uint8Array): void {
		const split = splitStream(message);
		if (!split) return;
		const { id, frame } = split;
		const stream = this.#stream(id);
		const isReset = frame[0] === FRAME.RESET;
		if (!stream) {
			// What was under way when the stream ended.
			if (!isReset && frame[0] !== FRAME.END) sendQuietly(agent, withStream(id, resetFrame("gone", "")));
			return;
		}
		this.#answered(id, stream);
		if (frame[0] === FRAME.ANSWER || frame[0] === FRAME.END) this.#complete.add(id);
		sendQuietly(stream, frame);
		if (isReset) closeQuietly(stream, NORMAL_CLOSURE);
	}

	#answered(id: number, stream: WebSocket): void {
		const opening = this.#opening.get(id);
		if (!opening) return;
		clearTimeout(opening.timer);
		this.#opening.delete(id);
		stream.serializeAttachment({ side: "stream", id, accepted: true } satisfies Attachment);
	}

	#fromStream(id: number, frame: Uint8Array): void {
		const agent = this.#agent();
		if (frame[0] === FRAME.OPEN) {
			const opening: Opening = { frames: [frame], timer: setTimeout(() => undefined, 0) };
			this.#opening.set(id, opening);
			this.#expectAnswer(id, opening, agent ? OPEN_ANSWER_MS : TUNNEL_DIAL_MS);
			if (!agent) this.#call();
		} else this.#opening.get(id)?.frames.push(frame);
		if (agent) sendQuietly(agent, withStream(id, frame));
	}

	/** An agent's socket that leaves an opening stream unanswered is given up, and the agent asked for another; after that the stream is. */
	#expectAnswer(id: number, opening: Opening, withinMs: number): void {
		clearTimeout(opening.timer);
		const agent = this.#agent();
		opening.timer = setTimeout(() => {
			if (agent && agent === this.#agent()) {
				this.#lose(agent);
				this.#expectAnswer(id, opening, TUNNEL_DIAL_MS);
				this.#call();
			} else this.#end(id, "disconnected", `the agent of node ${JSON.stringify(this.#place().node)} did not open a tunnel within ${TUNNEL_DIAL_MS / 1000}s`);
		}, withinMs);
	}

	/** Asks the agent to dial. */
	#call(): void {
		const { cluster, node, index } = this.#place();
		if (Date.now() - this.#calledAtMs < TUNNEL_DIAL_MS) return;
		this.#calledAtMs = Date.now();
		const refused = () => {
			this.#calledAtMs = 0;
			for (const id of this.#opening.keys()) this.#end(id, "disconnected", `the agent of node ${JSON.stringify(node)} is not connected`);
		};
		this.ctx.waitUntil(
			nodeObject(this.env, cluster, node)
				.command(cluster, node, { type: "tunnel", id: crypto.randomUUID(), tunnel: index })
				.then((told) => {
					if (!told) refused();
				})
				.catch((error: unknown) => {
					logFault(`asking node ${node} for a tunnel`, error);
					refused();
				}),
		);
	}

	#end(id: number, code: TunnelFault["code"], message: string): void {
		clearTimeout(this.#opening.get(id)?.timer);
		this.#opening.delete(id);
		const stream = this.#stream(id);
		if (!stream) return;
		sendQuietly(stream, resetFrame(code, message));
		closeQuietly(stream, NORMAL_CLOSURE);
	}

	/** The agent's socket is gone: what it carried is over, what it had not answered waits for the next. */
	#lose(agent: WebSocket): void {
		agent.serializeAttachment({ side: "agent", id: 0, accepted: false } satisfies Attachment);
		closeQuietly(agent, GOING_AWAY);
		for (const stream of this.ctx.getWebSockets("stream")) {
			const { id, accepted } = this.#attachment(stream);
			if (accepted) this.#end(id, "lost", "the connection to the node was cut");
		}
	}

	override webSocketClose(socket: WebSocket, code: number): void {
		const attachment = this.#attachment(socket);
		closeQuietly(socket, code === GOING_AWAY ? GOING_AWAY : NORMAL_CLOSURE);
		if (attachment.side === "agent") {
			if (!attachment.accepted) return;
			this.#lose(socket);
			if (this.#opening.size > 0) this.#call();
			return;
		}
		clearTimeout(this.#opening.get(attachment.id)?.timer);
		this.#opening.delete(attachment.id);
		if (this.#complete.delete(attachment.id)) return;
		const agent = this.#agent();
		if (agent) sendQuietly(agent, withStream(attachment.id, resetFrame("gone", "")));
	}

	override webSocketError(socket: WebSocket): void {
		this.webSocketClose(socket, GOING_AWAY);
	}

	/** Looks now and then, while streams are open, whether the agent still beats: TCP alone would hide a cut for a quarter of an hour. */
	async #watch(): Promise<void> {
		if (this.#watched) return;
		this.#watched = true;
		if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + TUNNEL_SILENCE_MS);
	}

	override async alarm(): Promise<void> {
		countAlarm("Tunnel");
		this.#watched = false;
		if (this.ctx.getWebSockets("stream").length === 0) return;
		const agent = this.#agent();
		const heard = agent && this.ctx.getWebSocketAutoResponseTimestamp(agent)?.getTime();
		if (agent && heard !== undefined && heard < Date.now() - TUNNEL_SILENCE_MS) this.#lose(agent);
		await this.#watch();
	}

	#agent = (): WebSocket | undefined =>
		this.ctx.getWebSockets("agent").find((socket) => socket.readyState === WebSocket.OPEN && this.#attachment(socket).accepted);
	#stream = (id: number): WebSocket | undefined => this.ctx.getWebSockets(streamTag(id)).find((socket) => socket.readyState === WebSocket.OPEN);
	#attachment = (socket: WebSocket): Attachment => socket.deserializeAttachment() as Attachment;

	/** The object's name says whose it is. */
	#place(): { cluster: string; node: string; index: number } {
		const [cluster = "", node = "", index = "0"] = (this.ctx.id.name ?? "").split("/");
		return { cluster, node, index: Number(index) };
	}
}

const resetFrame = (code: TunnelFault["code"], message: string): Uint8Array => encodeJsonFrame(FRAME.RESET, { code, message } satisfies TunnelFault);
