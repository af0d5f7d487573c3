/** The namespaces that are told of the nodes, as they have daemons: names in the Cluster object's meta table. */
import { trimmedNode } from "../core/controllers/daemonset/trimmed-node.ts";
import { semanticEqual } from "../core/meta/equality.ts";
import type { NodeReplica, ObjectMessage } from "../core/protocol/messages.ts";
import type { Node } from "../core/schema/kubernetes.d.ts";
import type { Sql } from "../store/sql.ts";

const PREFIX = "node-watcher/";

export class NodeWatchers {
	readonly #sql: Sql;
	/** Orders the messages. */
	readonly #next: () => number;

	constructor(sql: Sql, next: () => number) {
		this.#sql = sql;
		this.#next = next;
	}

	/** From now on the namespace is told, or no longer. */
	want(namespace: string, wanted: boolean, nodes: () => readonly Node[]): ObjectMessage[] {
		if (wanted) this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, '')", PREFIX + namespace);
		else this.forget(namespace);
		return this.#messages([namespace], wanted ? { kind: "all", nodes: nodes().map(trimmedNode) } : { kind: "none" });
	}

	forget(namespace: string): void {
		this.#sql.run("DELETE FROM meta WHERE key = ?", PREFIX + namespace);
	}

	/** Most of a Node's changes are of its status, which moves no daemon. */
	changed(name: string, object: Node | undefined, old: Node | undefined): ObjectMessage[] {
		if (semanticEqual(object && trimmedNode(object), old && trimmedNode(old))) return [];
		const keys = this.#sql.all<{ key: string }>("SELECT key FROM meta WHERE key LIKE ?", `${PREFIX}%`);
		const names = keys.map(({ key }) => key.slice(PREFIX.length));
		return names.length === 0 ? [] : this.#messages(names, { kind: "changes", nodes: object ? [trimmedNode(object)] : [], removed: object ? [] : [name] });
	}

	#messages(namespaces: readonly string[], replica: NodeReplica): ObjectMessage[] {
		const sequence = this.#next();
		return namespaces.map((name) => ({ to: { object: "namespace", name }, body: { type: "nodes", sequence, replica } }));
	}
}
