/** The Durable Object of one cluster's edge: a shell around EdgeCore. It wakes when routes or endpoints change, and when a front door asks. */
import { DurableObject } from "cloudflare:workers";
import type { EdgeTablePart } from "../core/edge/edge-table.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { durablePorts } from "./durable-ports.ts";
import { EdgeCore } from "./edge-core.ts";
import type { Delivery } from "./ports.ts";
import type { EdgeRpc } from "./rpc.ts";
import { clusterGone, makeAdopted, wipe } from "./tenancy.ts";
import { countAlarm, countWake } from "./wake-count.ts";

export class EdgeObject extends DurableObject<WorkerEnv> implements EdgeRpc {
	#made: EdgeCore | undefined;

	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Edge");
		const [cluster = ""] = (ctx.id.name ?? "").split("/");
		makeAdopted(ctx, env, "edge", () => {
			this.#made = new EdgeCore(durablePorts(ctx, env, cluster));
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

	async deliver(delivery: Delivery): Promise<void> {
		this.#core.receive(delivery);
		this.#settle();
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
