/** The Durable Object of one node: a shell around NodeCore. A held poll is a hibernatable socket. */
import { DurableObject } from "cloudflare:workers";
import { type AgentCommand, type NodeUsage, POLL_SILENCE_MS, type PollRequest, type PollResponse } from "../core/protocol/agent-protocol.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { type ObjectStub, sessionObject } from "./addresses.ts";
import { durablePorts } from "./durable-ports.ts";
import { type Cursors, type HeldPoll, NodeCore } from "./node-core.ts";
import type { Delivery } from "./ports.ts";
import { AGENT_SILENT_CODE, CLIENT_GONE_CODE, type NodeRpc, POLL_HEADER, type SessionRpc } from "./rpc.ts";
import { clusterGone, makeAdopted, wipe } from "./tenancy.ts";
import { countAlarm, countWake } from "./wake-count.ts";

const HOLD_TAG = "hold";
/** How long an agent may take to say what is used on its node, in milliseconds. */
const USAGE_WAIT_MS = 5_000;
const ABNORMAL_CLOSURE = 1006;

export class NodeObject extends DurableObject<WorkerEnv> implements NodeRpc {
	#made: NodeCore | undefined;
	readonly #polls = new Map<WebSocket, HeldPoll>();
	#asking: Promise<NodeUsage | null> | undefined;

	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Node");
		makeAdopted(ctx, env, "node", () => this.#make());
	}

	/** Throws when the object's cluster is not there. */
	get #core(): NodeCore {
		if (this.#made === undefined) throw clusterGone();
		return this.#made;
	}

	#make(): void {
		const [cluster = "", node = ""] = (this.ctx.id.name ?? "").split("/");
		this.#made = new NodeCore(node, durablePorts(this.ctx, this.env, cluster));
		for (const socket of this.ctx.getWebSockets(HOLD_TAG)) {
			const cursors = socket.deserializeAttachment() as Cursors | null;
			if (cursors !== null && socket.readyState === WebSocket.OPEN) this.#made.adopt(this.#held(socket, cursors));
		}
	}

	async destroy(): Promise<void> {
		const sessions = this.#made?.sessions() ?? [];
		this.#made = undefined;
		this.#polls.clear();
		await Promise.all(sessions.map((id) => (sessionObject(this.env, id) as ObjectStub<SessionRpc>).destroy()));
		await wipe(this.ctx);
	}

	override async fetch(http: Request): Promise<Response> {
		const core = this.#core;
		const { cursor, networkCursor, networkVersion } = JSON.parse(http.headers.get(POLL_HEADER) ?? "{}") as PollRequest;
		const cursors: Cursors = { cursor, networkCursor, ...(networkVersion === undefined ? {} : { networkVersion }) };
		const { 0: client, 1: server } = new WebSocketPair();
		this.ctx.acceptWebSocket(server, [HOLD_TAG]);
		server.serializeAttachment(cursors);
		core.hold(this.#held(server, cursors));
		this.#settle();
		return new Response(null, { status: 101, webSocket: client });
	}

	async report(_cluster: string, _node: string, request: PollRequest): Promise<void> {
		this.#core.report(request);
		this.#settle();
	}

	async poll(_cluster: string, _node: string, request: PollRequest): Promise<PollResponse> {
		return this.#core.poll(request);
	}

	async command(_cluster: string, _node: string, command: AgentCommand): Promise<boolean> {
		return this.#core.command(command);
	}

	async sessionEnded(id: string): Promise<void> {
		this.#made?.sessionEnded(id);
	}

	async usage(): Promise<NodeUsage | null> {
		this.#asking ??= this.#askUsage().finally(() => {
			this.#asking = undefined;
		});
		return this.#asking;
	}

	#askUsage(): Promise<NodeUsage | null> {
		return new Promise((resolve) => {
			const timer = setTimeout(() => resolve(null), USAGE_WAIT_MS);
			this.#core.askUsage(crypto.randomUUID(), (usage) => {
				clearTimeout(timer);
				resolve(usage);
			});
		});
	}

	async deliver(delivery: Delivery): Promise<boolean> {
		this.#core.receive(delivery);
		this.#settle();
		return this.#core.connected;
	}

	override async alarm(): Promise<void> {
		countAlarm("Node");
		try {
			await this.#made?.wake();
		} finally {
			this.#made?.arm();
		}
	}

	override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
		this.#released(
			socket,
			code === CLIENT_GONE_CODE || code === AGENT_SILENT_CODE || code === ABNORMAL_CLOSURE,
			code === AGENT_SILENT_CODE ? POLL_SILENCE_MS : 0,
		);
		socket.close(code === 1005 || code === ABNORMAL_CLOSURE ? 1000 : code);
	}

	override async webSocketError(socket: WebSocket): Promise<void> {
		this.#released(socket, true, 0);
	}

	#released(socket: WebSocket, gone: boolean, silentMs: number): void {
		this.#made?.released(this.#polls.get(socket), gone, silentMs);
		this.#polls.delete(socket);
		this.#settle();
	}

	#held(socket: WebSocket, cursors: Cursors): HeldPoll {
		const held: HeldPoll = {
			...cursors,
			answer: (response) => {
				this.#polls.delete(socket);
				socket.send(JSON.stringify(response));
				socket.close(1000, "answered");
			},
		};
		this.#polls.set(socket, held);
		return held;
	}

	#settle(): void {
		if (this.#made !== undefined) this.ctx.waitUntil(this.#made.settle());
	}
}
