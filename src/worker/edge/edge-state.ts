/**
 * What this isolate keeps of a cluster's edge: the routing table, asked for anew when it is older than FRESH_MS, and the requests
 * under way. While one request asks, the others go by what is there.
 */
import { Outstanding } from "../../core/edge/balance.ts";
import { RateLimiter } from "../../core/edge/rate-limit.ts";
import { RouteTable } from "../../core/edge/route-table.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { edgeObject } from "../../objects/addresses.ts";

/** A table this old is good without a look, in milliseconds: a change of routes or endpoints is in force that soon. */
const FRESH_MS = 200;
/** Beyond this age nobody goes by a table without a look, in milliseconds. */
const STALE_MS = 2_000;
/** Clusters that an isolate keeps. */
const CLUSTERS_MAX = 200;

export class EdgeState {
	readonly table = new RouteTable();
	readonly outstanding = new Outstanding();
	/** Requests of one client to one route. */
	readonly clients = new Outstanding();
	readonly limiter = new RateLimiter();
	readonly #env: WorkerEnv;
	readonly #cluster: string;
	#lookedAtMs = 0;
	#asking = false;

	constructor(env: WorkerEnv, cluster: string) {
		this.#env = env;
		this.#cluster = cluster;
	}

	/** Makes the table current. A request may not wait for another one's question, so it asks itself where that matters. */
	async look(nowMs: number): Promise<void> {
		const ageMs = nowMs - this.#lookedAtMs;
		if (ageMs < FRESH_MS || (this.#asking && ageMs < STALE_MS)) return;
		this.#asking = true;
		await this.ask();
	}

	async ask(): Promise<void> {
		const askedAtMs = Date.now();
		try {
			const part = await edgeObject(this.#env, this.#cluster).table(this.table.version);
			// One that was asked later may have been answered before.
			if (part && part.version > this.table.version) this.table.take(part);
			this.#lookedAtMs = Math.max(this.#lookedAtMs, askedAtMs);
		} finally {
			this.#asking = false;
		}
	}
}

const states = new Map<string, EdgeState>();

export function edgeStateOf(env: WorkerEnv, cluster: string): EdgeState {
	let state = states.get(cluster);
	if (state === undefined) {
		if (states.size >= CLUSTERS_MAX) states.clear();
		states.set(cluster, (state = new EdgeState(env, cluster)));
	}
	return state;
}
