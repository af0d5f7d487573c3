/** The Durable Object of one cluster's edge: a shell around EdgeCore. It wakes when routes or endpoints change, and when a front door asks. */
import { DurableObject } from "cloudflare:workers";
import type { EdgeCertificate, EdgeTablePart } from "../core/edge/edge-table.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { durablePorts } from "./durable-ports.ts";
import { EdgeCore } from "./edge-core.ts";
import type { Delivery } from "./ports.ts";
import { type EdgeRpc, LEASE_HEADER } from "./rpc.ts";
import { clusterGone, makeAdopted, wipe } from "./tenancy.ts";
import { countAlarm, countWake } from "./wake-count.ts";

const NORMAL_CLOSURE = 1000;

function tell(socket: WebSocket): void {
	try {
		socket.send("ready");
	} catch {
		// It is closing: its close event follows.
	}
}

export class EdgeObject extends DurableObject<WorkerEnv> implements EdgeRpc {
	#made: EdgeCore | undefined;

	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Edge");
		const [cluster = ""] = (ctx.id.name ?? "").split("/");
		makeAdopted(ctx, env, "edge", () => {
			this.#made = new EdgeCore(durablePorts(ctx, env, cluster), {
				count: (service) => ctx.getWebSockets(service).filter(({ readyState }) => readyState === WebSocket.OPEN).length,
				tellReady: (service) => {
					for (const socket of ctx.getWebSockets(service)) tell(socket);
				},
			});
		});
	}

	/** Throws when the object's cluster is not there. */
	get #core(): EdgeCore {
		if (this.#made === undefined) throw clusterGone();
		return this.#made;
	}

	async table(haveVersion: number): Promise<EdgeTablePart | null> {
		return this.#core.table(haveVersion);
	}

	async certificate(host: string): Promise<EdgeCertificate | null> {
		return this.#core.certificate(host) ?? null;
	}

	/** /lease: a request for a Service whose pods may sleep, from its beginning to its end. */
	override async fetch(request: Request): Promise<Response> {
		const service = request.headers.get(LEASE_HEADER) ?? "";
		const { 0: theirs, 1: ours } = new WebSocketPair();
		this.ctx.acceptWebSocket(ours, [service]);
		if (this.#core.leased(service)) tell(ours);
		this.#settle();
		return new Response(null, { status: 101, webSocket: theirs });
	}

	override async webSocketClose(socket: WebSocket): Promise<void> {
		const [service = ""] = this.ctx.getTags(socket);
		try {
			socket.close(NORMAL_CLOSURE);
		} catch {
			// Closed already.
		}
		this.#made?.released(service);
		this.#settle();
	}

	override async webSocketError(socket: WebSocket): Promise<void> {
		await this.webSocketClose(socket);
	}

	async deliver(delivery: Delivery): Promise<boolean> {
		this.#core.receive(delivery);
		this.#settle();
		return true;
	}

	override async alarm(): Promise<void> {
		countAlarm("Edge");
		try {
			await this.#made?.wake();
		} finally {
			this.#made?.arm();
		}
	}

	#settle(): void {
		if (this.#made !== undefined) this.ctx.waitUntil(this.#made.settle());
	}

	async destroy(): Promise<void> {
		this.#made = undefined;
		await wipe(this.ctx);
	}
}
