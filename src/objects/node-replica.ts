/** The nodes as a Namespace object knows them: rows of its meta table, kept current by the Cluster object's messages. */
import type { NodeReplica } from "../core/protocol/messages.ts";
import type { Node } from "../core/schema/kubernetes.d.ts";
import type { Sql } from "../store/sql.ts";

const PREFIX = "node-replica/";
const SEQUENCE = "node-replica-sequence";

export interface NodeChange {
	old?: Node;
	object?: Node;
}

export class NodeReplicaStore {
	readonly #sql: Sql;
	readonly #nodes = new Map<string, Node>();
	/** Of the last message taken in; undefined while there is no replica. */
	#sequence: number | undefined;
	/** Of the last message of any kind: an earlier one that is repeated changes nothing. */
	#seen = 0;

	constructor(sql: Sql) {
		this.#sql = sql;
		for (const { key, value } of sql.all<{ key: string; value: string }>("SELECT key, value FROM meta WHERE key LIKE 'node-replica%'")) {
			if (key.startsWith(PREFIX)) this.#nodes.set(key.slice(PREFIX.length), JSON.parse(value) as Node);
			else ({ seen: this.#seen, sequence: this.#sequence } = JSON.parse(value) as { seen: number; sequence?: number });
		}
	}

	get known(): boolean {
		return this.#sequence !== undefined;
	}

	list(): Node[] {
		return [...this.#nodes.values()];
	}

	get(name: string): Node | undefined {
		return this.#nodes.get(name);
	}

	/** What the message changes; undefined when it is old. */
	take(sequence: number, replica: NodeReplica): NodeChange[] | undefined {
		// Changes without the whole that they belong to come late: they are of a replica that was given up.
		if (sequence <= this.#seen || (replica.kind === "changes" && !this.known)) return undefined;
		this.#seen = sequence;
		this.#sequence = replica.kind === "none" ? undefined : sequence;
		this.#sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", SEQUENCE, JSON.stringify({ seen: this.#seen, sequence: this.#sequence }));
		const nodes = replica.kind === "none" ? [] : replica.nodes;
		const kept = new Set(nodes.map(({ metadata }) => metadata.name ?? ""));
		const removed = replica.kind === "changes" ? replica.removed : [...this.#nodes.keys()].filter((name) => !kept.has(name));
		return [...nodes.map((node) => this.#put(node)), ...removed.flatMap((name) => this.#remove(name))];
	}

	#put(object: Node): NodeChange {
		const name = object.metadata.name ?? "";
		const old = this.#nodes.get(name);
		this.#nodes.set(name, object);
		this.#sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", PREFIX + name, JSON.stringify(object));
		return { object, ...(old ? { old } : {}) };
	}

	#remove(name: string): NodeChange[] {
		const old = this.#nodes.get(name);
		this.#nodes.delete(name);
		this.#sql.run("DELETE FROM meta WHERE key = ?", PREFIX + name);
		return old ? [{ old }] : [];
	}
}
