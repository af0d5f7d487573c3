/** The network table as the Cluster object keeps it: one row for each Service and node, and what is told to nodes of it. */
import { isRowGone, type NetworkRow, networkRowKey, type NodeEntry } from "../core/protocol/agent-protocol.ts";
import type { Node } from "../core/schema/kubernetes.d.ts";
import type { Sql } from "../store/sql.ts";

/** Rows that a new node gets in one message. */
const ROWS_PER_MESSAGE = 200;

export interface NetworkPart {
	/** Of the last of the rows. */
	sequence: number;
	rows: NetworkRow[];
}

export class NetworkTable {
	readonly #sql: Sql;

	constructor(sql: Sql) {
		this.#sql = sql;
	}

	/** Takes rows in; returns those that are new, under a new sequence, or undefined when there are none. */
	change(rows: readonly NetworkRow[], nextSequence: () => number): NetworkPart | undefined {
		const changed = rows.filter((row) => {
			const old = this.#sql.all<{ body: string }>("SELECT body FROM networks WHERE namespace = ?", networkRowKey(row))[0];
			return isRowGone(row) ? old !== undefined : old?.body !== JSON.stringify(row);
		});
		if (changed.length === 0) return undefined;
		const sequence = nextSequence();
		for (const row of changed) {
			const key = networkRowKey(row);
			if (isRowGone(row)) this.#sql.run("DELETE FROM networks WHERE namespace = ?", key);
			else this.#sql.run("INSERT OR REPLACE INTO networks (namespace, sequence, body) VALUES (?, ?, ?)", key, sequence, JSON.stringify(row));
		}
		return { sequence, rows: changed };
	}

	hasPolicies(): boolean {
		return this.#sql.all("SELECT 1 FROM networks WHERE namespace LIKE 'policy/%' LIMIT 1").length > 0;
	}

	/** Everything, in parts that fit into a message. */
	parts(): NetworkPart[] {
		const all = this.#sql.all<{ sequence: number; body: string }>("SELECT sequence, body FROM networks ORDER BY sequence");
		return Array.from({ length: Math.ceil(all.length / ROWS_PER_MESSAGE) }, (_, index) => {
			const part = all.slice(index * ROWS_PER_MESSAGE, (index + 1) * ROWS_PER_MESSAGE);
			return { sequence: part.at(-1)?.sequence ?? 0, rows: part.map(({ body }) => JSON.parse(body) as NetworkRow) };
		});
	}
}

export function nodeEntryOf({ metadata, spec, status }: Node): NodeEntry {
	const zone = metadata.labels?.["topology.kubernetes.io/zone"];
	return {
		podCidrs: spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []),
		addresses: (status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address),
		...(zone ? { zone } : {}),
	};
}
