/**
 * One exec, attach, port-forward or log: two hibernatable sockets, the client's and the one the agent dials, and bytes
 * that pass between them unread. What the client sends before the agent has come is kept in storage, so that it
 * survives hibernation; a session whose agent never comes is given up by an alarm.
 */
import { DurableObject } from "cloudflare:workers";
import { type Status, StatusError } from "../core/errors/status-error.ts";
import type { SessionHello, SessionRequest } from "../core/protocol/agent-protocol.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { nodeObject } from "./addresses.ts";
import { CLUSTER_HEADER, NODE_HEADER, SESSION_KIND_HEADER, SESSION_SIDE_HEADER, type SessionRpc } from "./rpc.ts";
import { countAlarm, countWake } from "./wake-count.ts";

/** How long the agent may take to dial, in milliseconds. */
export const AGENT_DIAL_MS = 30_000;
/** What a client may send before the agent has come, in bytes. */
export const MAX_EARLY_BYTES = 1024 * 1024;
/** The remotecommand protocol's channel for the final Status. */
const ERROR_CHANNEL = 3;

const NORMAL_CLOSURE = 1000;
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const MAX_CLOSE_REASON_BYTES = 123;

type Side = "client" | "agent";
type SessionKind = SessionRequest["kind"];

/** Kept in storage while the session lives. */
interface SessionState {
	kind: SessionKind;
	/** The id of its cluster: another one's agents cannot dial, whatever their node is called. */
	cluster: string;
	/** The user name of the node that may dial: system:node:<name>. */
	node: string;
	/** The agent has said hello. */
	greeted: boolean;
	earlyBytes: number;
	earlyCount: number;
}

const NODE_USER_PREFIX = "system:node:";
const STATE = "state";
const EARLY = "early:";
const earlyKey = (sequence: number): string => EARLY + String(sequence).padStart(8, "0");

const otherSide = (side: Side): Side => (side === "client" ? "agent" : "client");

/** The codes that a close frame may carry on: the rest are the platform's own words for a lost connection. */
const closeCode = (code: number): number => (code === NORMAL_CLOSURE || (code >= 3000 && code < 5000) ? code : INTERNAL_ERROR);

function closeReason(text: string): string {
	let reason = text;
	while (new TextEncoder().encode(reason).length > MAX_CLOSE_REASON_BYTES) reason = reason.slice(0, -1);
	return reason;
}

function closeQuietly(socket: WebSocket, code: number, reason: string): void {
	try {
		socket.close(code, closeReason(reason));
	} catch {
		// Closed already.
	}
}

function errorFrame(status: Status): Uint8Array {
	const text = new TextEncoder().encode(JSON.stringify(status));
	const frame = new Uint8Array(text.length + 1);
	frame[0] = ERROR_CHANNEL;
	frame.set(text, 1);
	return frame;
}

const helloOf = (status: Status): SessionHello => ({ ok: false, code: status.code, reason: status.reason ?? "", message: status.message ?? "" });

export class SessionObject extends DurableObject<WorkerEnv> implements SessionRpc {
	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Session");
	}

	/** /session takes in a socket (SESSION_SIDE_HEADER); POST /refuse ends a session whose agent cannot be told, with the Status in its body. */
	override async fetch(request: Request): Promise<Response> {
		if (new URL(request.url).pathname === "/refuse") {
			this.#refuse(await request.json<Status>());
			return new Response(null, { status: 204 });
		}
		return request.headers.get(SESSION_SIDE_HEADER) === "agent" ? this.#takeAgent(request) : this.#takeClient(request);
	}

	async #takeClient(request: Request): Promise<Response> {
		if (this.#state()) return new Response(null, { status: 409 });
		const kind = (request.headers.get(SESSION_KIND_HEADER) ?? "exec") as SessionKind;
		this.#save({
			kind,
			cluster: request.headers.get(CLUSTER_HEADER) ?? "",
			node: request.headers.get(NODE_HEADER) ?? "",
			greeted: false,
			earlyBytes: 0,
			earlyCount: 0,
		});
		await this.ctx.storage.setAlarm(Date.now() + AGENT_DIAL_MS);
		const protocol = request.headers.get("sec-websocket-protocol");
		return this.#accept("client", protocol === null ? {} : { "sec-websocket-protocol": protocol });
	}

	#takeAgent(request: Request): Response {
		const state = this.#state();
		if (!state || state.greeted || this.#socket("agent") || !this.#socket("client")) return new Response(null, { status: 404 });
		if (state.node !== request.headers.get(NODE_HEADER) || state.cluster !== request.headers.get(CLUSTER_HEADER)) return new Response(null, { status: 404 });
		return this.#accept("agent", {});
	}

	#accept(side: Side, headers: Record<string, string>): Response {
		const { 0: theirs, 1: ours } = new WebSocketPair();
		this.ctx.acceptWebSocket(ours, [side]);
		// A socket that has closed has lost its tags.
		ours.serializeAttachment(side);
		return new Response(null, { status: 101, webSocket: theirs, headers });
	}

	override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
		const state = this.#state();
		const side = this.#sideOf(socket);
		if (!state) closeQuietly(socket, NORMAL_CLOSURE, "the session is over");
		else if (state.greeted) this.#pass(side, message);
		else if (side === "client") this.#keepEarly(state, message);
		else this.#greet(state, message);
	}

	override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
		const side = this.#sideOf(socket);
		const state = this.#state();
		if (side === "agent" && state && !state.greeted)
			return this.#refuse(new StatusError(500, "InternalError", "the node's agent ended the session before it began").status);
		const other = this.#socket(otherSide(side));
		if (other) closeQuietly(other, closeCode(code), reason);
		closeQuietly(socket, closeCode(code), "");
		await this.#forget();
	}

	override async webSocketError(socket: WebSocket): Promise<void> {
		await this.webSocketClose(socket, INTERNAL_ERROR, "the connection was lost");
	}

	override async alarm(): Promise<void> {
		countAlarm("Session");
		const state = this.#state();
		if (!state || state.greeted) return;
		this.#refuse(new StatusError(504, "Timeout", `the node's agent did not take up the session within ${AGENT_DIAL_MS / 1000}s`).status);
	}

	#pass(side: Side, message: string | ArrayBuffer): void {
		const other = this.#socket(otherSide(side));
		try {
			other?.send(message);
		} catch {
			// It is closing: its close event ends the session.
		}
	}

	#keepEarly(state: SessionState, message: string | ArrayBuffer): void {
		const bytes = typeof message === "string" ? message.length : message.byteLength;
		if (state.earlyBytes + bytes > MAX_EARLY_BYTES) {
			this.#end(POLICY_VIOLATION, "too much was sent before the session began");
			return;
		}
		this.ctx.storage.kv.put(earlyKey(state.earlyCount), message);
		this.#save({ ...state, earlyBytes: state.earlyBytes + bytes, earlyCount: state.earlyCount + 1 });
	}

	/** The agent's first message decides; then what the client sent meanwhile goes to it. */
	#greet(state: SessionState, message: string | ArrayBuffer): void {
		const hello = this.#parseHello(message);
		if (!hello.ok) {
			this.#refuse(new StatusError(hello.code, hello.reason, hello.message).status);
			return;
		}
		this.#save({ ...state, greeted: true });
		if (state.kind === "log") this.#pass("agent", JSON.stringify(hello));
		for (const [key, early] of this.ctx.storage.kv.list<string | ArrayBuffer>({ prefix: EARLY })) {
			this.#pass("client", early);
			this.ctx.storage.kv.delete(key);
		}
	}

	#parseHello(message: string | ArrayBuffer): SessionHello {
		try {
			if (typeof message === "string") return JSON.parse(message) as SessionHello;
		} catch {
			// Told below.
		}
		return { ok: false, code: 500, reason: "InternalError", message: "the node's agent did not begin the session as agreed" };
	}

	/** Tells the client why there will be no session, in the words of its protocol, and ends it. */
	#refuse(status: Status): void {
		const client = this.#socket("client");
		const state = this.#state();
		if (client && state?.kind === "log") client.send(JSON.stringify(helloOf(status)));
		if (client && (state?.kind === "exec" || state?.kind === "attach")) client.send(errorFrame(status));
		this.#end(state?.kind === "portforward" ? INTERNAL_ERROR : NORMAL_CLOSURE, status.message ?? "");
	}

	#end(code: number, reason: string): void {
		for (const socket of this.ctx.getWebSockets()) closeQuietly(socket, code, reason);
		this.ctx.waitUntil(this.#forget());
	}

	async destroy(): Promise<void> {
		for (const socket of this.ctx.getWebSockets()) closeQuietly(socket, GOING_AWAY, "the cluster was deleted");
		await this.#wipe();
	}

	/** Nothing of a session outlives it, not even its name at its node. */
	async #forget(): Promise<void> {
		const state = this.#state();
		await this.#wipe();
		if (state) await nodeObject(this.env, state.cluster, state.node.slice(NODE_USER_PREFIX.length)).sessionEnded(this.ctx.id.toString());
	}

	async #wipe(): Promise<void> {
		await this.ctx.storage.deleteAlarm();
		await this.ctx.storage.deleteAll();
	}

	#sideOf = (socket: WebSocket): Side => socket.deserializeAttachment() as Side;
	#socket = (side: Side): WebSocket | undefined => this.ctx.getWebSockets(side)[0];
	#state = (): SessionState | undefined => this.ctx.storage.kv.get<SessionState>(STATE);
	#save = (state: SessionState): void => this.ctx.storage.kv.put(STATE, state);
}
