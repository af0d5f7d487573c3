/** Which namespaces hold dependents of which cluster-scoped objects, in the Cluster object's meta table; and what those must hear. */
import type { KubeObject } from "../core/meta/object.ts";
import type { ForeignOwner, ForeignOwnerState, ObjectMessage } from "../core/protocol/messages.ts";
import type { Sql } from "../store/sql.ts";

const PREFIX = "dependents/";

/** How an owner stands to its dependents; undefined where there is none. */
export function ownerStateOf(object: KubeObject | undefined): ForeignOwnerState {
	if (object === undefined) return "gone";
	const finalizers = object.metadata.deletionTimestamp ? (object.metadata.finalizers ?? []) : [];
	return finalizers.includes("orphan") ? "orphan" : finalizers.includes("foregroundDeletion") ? "waiting" : "solid";
}

export class ForeignDependents {
	readonly #sql: Sql;
	/** Namespaces by the owner's uid. */
	readonly #namespaces = new Map<string, Set<string>>();

	constructor(sql: Sql) {
		this.#sql = sql;
		for (const { key } of sql.all<{ key: string }>("SELECT key FROM meta WHERE key LIKE ?", `${PREFIX}%`)) {
			const [uid = "", namespace = ""] = key.slice(PREFIX.length).split("/");
			this.#remember(uid, namespace);
		}
	}

	has(uid: string): boolean {
		return this.#namespaces.has(uid);
	}

	/** A namespace asks after an owner: it is told how that stands, and, while there is one, what becomes of it. */
	want(namespace: string, owner: ForeignOwner, found: KubeObject | undefined): ObjectMessage {
		const object = found?.metadata.uid === owner.uid ? found : undefined;
		if (object !== undefined && !this.#namespaces.get(owner.uid)?.has(namespace)) {
			this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, '')", `${PREFIX}${owner.uid}/${namespace}`);
			this.#remember(owner.uid, namespace);
		}
		return messageTo(namespace, owner, ownerStateOf(object));
	}

	/** An owner has changed. */
	changed(resource: string, name: string, object: KubeObject | undefined, old: KubeObject | undefined): ObjectMessage[] {
		const uid = (object ?? old)?.metadata.uid ?? "";
		const namespaces = this.#namespaces.get(uid);
		const state = ownerStateOf(object);
		if (namespaces === undefined || state === ownerStateOf(old)) return [];
		const messages = [...namespaces].map((namespace) => messageTo(namespace, { resource, name, uid }, state));
		if (state === "gone") for (const namespace of namespaces) this.forget(uid, namespace);
		return messages;
	}

	/** Nothing of the owner's is left in the namespace. */
	forget(uid: string, namespace: string): void {
		this.#sql.run("DELETE FROM meta WHERE key = ?", `${PREFIX}${uid}/${namespace}`);
		const namespaces = this.#namespaces.get(uid);
		namespaces?.delete(namespace);
		if (namespaces?.size === 0) this.#namespaces.delete(uid);
	}

	#remember(uid: string, namespace: string): void {
		this.#namespaces.set(uid, (this.#namespaces.get(uid) ?? new Set()).add(namespace));
	}
}

const messageTo = (namespace: string, owner: ForeignOwner, state: ForeignOwnerState): ObjectMessage => ({
	to: { object: "namespace", name: namespace },
	body: { type: "ownerState", owner, state },
});
