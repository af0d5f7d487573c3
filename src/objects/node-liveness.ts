/** Which nodes' agents are there, and when the others were heard of last: rows of the Cluster object's meta table. */
import type { Sql } from "../store/sql.ts";

const PREFIX = "liveness/";

interface Liveness {
	connected: boolean;
	/** In milliseconds since 1970. */
	lastSeenMs: number;
	/** Of the message that said so: an earlier one may come later. */
	sequence?: number;
}

export class NodeLiveness {
	readonly #sql: Sql;
	readonly #nodes = new Map<string, Liveness>();

	constructor(sql: Sql) {
		this.#sql = sql;
		for (const { key, value } of sql.all<{ key: string; value: string }>("SELECT key, value FROM meta WHERE key LIKE ?", `${PREFIX}%`))
			this.#nodes.set(key.slice(PREFIX.length), JSON.parse(value) as Liveness);
	}

	connected(node: string): boolean {
		return this.#nodes.get(node)?.connected === true;
	}

	lastSeenMs(node: string): number | undefined {
		return this.#nodes.get(node)?.lastSeenMs;
	}

	/** Any node whose agent is connected. */
	anyConnected(): string | undefined {
		return [...this.#nodes].find(([, { connected }]) => connected)?.[0];
	}

	/** What the Node object says; false when it has said something later before. */
	told(node: string, liveness: Required<Liveness>): boolean {
		if (liveness.sequence < (this.#nodes.get(node)?.sequence ?? 0)) return false;
		this.#set(node, liveness);
		return true;
	}

	/** Its Lease was renewed; an agent that polls is known to be there anyway. */
	renewed(node: string, nowMs: number): boolean {
		if (this.connected(node)) return false;
		this.#set(node, { ...this.#nodes.get(node), connected: false, lastSeenMs: nowMs });
		return true;
	}

	forget(node: string): void {
		this.#sql.run("DELETE FROM meta WHERE key = ?", PREFIX + node);
		this.#nodes.delete(node);
	}

	#set(node: string, liveness: Liveness): void {
		this.#nodes.set(node, liveness);
		this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", PREFIX + node, JSON.stringify(liveness));
	}
}
