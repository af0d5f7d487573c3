/**
 * The meeting place of two nodes that cannot reach each other directly: each agent dials one socket, and what one sends the other gets.
 * It keeps nothing; while no packet passes it sleeps. What is under way is limited here too, whatever an agent does.
 */
import { DurableObject } from "cloudflare:workers";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import {
	decodeRelayMessage,
	RELAY_BEAT,
	RELAY_JOINED,
	RELAY_MESSAGE_BYTES_MAX,
	RELAY_PARTED,
	RELAY_WINDOW_BYTES,
	RelayWindow,
} from "../core/relay/relay-frame.ts";
import { NODE_HEADER } from "./rpc.ts";
import { countWake } from "./wake-count.ts";

const NORMAL_CLOSURE = 1000;
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;

function quietly(act: () => void): void {
	try {
		act();
	} catch {
		// The socket is closing: its close event follows.
	}
}

export class RelayObject extends DurableObject<WorkerEnv> {
	/** By who sends. An honest agent stays within half of it. */
	readonly #windows = new Map<string, RelayWindow>();

	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Relay");
		ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(RELAY_BEAT, RELAY_BEAT));
	}

	/** Takes in the socket of one of the two nodes; a second of the same node takes the first one's place. */
	override async fetch(request: Request): Promise<Response> {
		const node = request.headers.get(NODE_HEADER) ?? "";
		if (!this.#nodes().includes(node)) return new Response(null, { status: 404 });
		const older = this.ctx.getWebSockets(node);
		const { 0: theirs, 1: ours } = new WebSocketPair();
		this.ctx.acceptWebSocket(ours, [node]);
		ours.serializeAttachment(node);
		for (const socket of older) {
			socket.serializeAttachment("");
			quietly(() => socket.close(GOING_AWAY));
		}
		this.#windows.clear();
		const both = this.#nodes().map((name) => this.#socket(name));
		if (both.every(Boolean)) for (const socket of both) quietly(() => socket?.send(RELAY_JOINED));
		return new Response(null, { status: 101, webSocket: theirs });
	}

	override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
		const from = this.#nodeOf(socket);
		if (typeof message === "string" || from === "") return;
		const bytes = new Uint8Array(message);
		const decoded = bytes.length <= RELAY_MESSAGE_BYTES_MAX ? decodeRelayMessage(bytes) : undefined;
		if (!decoded) return quietly(() => socket.close(POLICY_VIOLATION));
		const to = this.#otherThan(from);
		const other = this.#socket(to);
		if (!other) return;
		if (decoded.type === "taken") this.#window(to).taken(decoded.bytes);
		else if (!this.#window(from).take(bytes.length)) return;
		quietly(() => other.send(bytes));
	}

	override webSocketClose(socket: WebSocket): void {
		const from = this.#nodeOf(socket);
		quietly(() => socket.close(NORMAL_CLOSURE));
		if (from === "") return;
		socket.serializeAttachment("");
		const other = this.#socket(this.#otherThan(from));
		quietly(() => other?.send(RELAY_PARTED));
	}

	override webSocketError(socket: WebSocket): void {
		this.webSocketClose(socket);
	}

	#window(from: string): RelayWindow {
		const known = this.#windows.get(from);
		if (known) return known;
		const window = new RelayWindow(2 * RELAY_WINDOW_BYTES);
		this.#windows.set(from, window);
		return window;
	}

	#nodeOf = (socket: WebSocket): string => socket.deserializeAttachment() as string;
	#socket = (node: string): WebSocket | undefined =>
		this.ctx.getWebSockets(node).find((socket) => socket.readyState === WebSocket.OPEN && this.#nodeOf(socket) === node);
	#otherThan = (node: string): string => this.#nodes().find((name) => name !== node) ?? "";
	/** The object's name says whose it is. */
	#nodes = (): string[] => (this.ctx.id.name ?? "").split("/").slice(1);
}
