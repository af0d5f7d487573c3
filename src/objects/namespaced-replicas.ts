/**
 * What the Cluster object knows of namespaced objects: rows of its meta table, kept current by the Namespace objects' messages.
 * A message that comes after a later one of its namespace says what is past: its sender has said it again.
 */
import type { ObjectChange } from "../core/controllers/controller.ts";
import type { KubeObject, ResourceName } from "../core/meta/object.ts";
import type { MessageBody, ObjectMessage } from "../core/protocol/messages.ts";
import type { Sql } from "../store/sql.ts";
import type { Replica } from "./resource-server.ts";

const ROW = "replica/";
const CLOCK = "replica-clock/";
const ASKED = "replica-asked/";
/** Names that are known to be free, kept in memory: an object that does not know asks. */
const GONE_MAX = 10_000;

const fullName = (namespace: string, name: string): string => `${namespace}/${name}`;

export class NamespacedReplicas {
	readonly byResource: Readonly<Record<ResourceName, Replica>>;
	readonly #sql: Sql;
	/** By collection, then by namespace and name. */
	readonly #objects: ReadonlyMap<ResourceName, Map<string, KubeObject>>;
	readonly #gone = new Set<string>();
	readonly #clocks = new Map<string, number>();

	constructor(sql: Sql, resources: readonly ResourceName[]) {
		this.#sql = sql;
		this.#objects = new Map(resources.map((resource) => [resource, new Map<string, KubeObject>()]));
		this.byResource = Object.fromEntries(
			[...this.#objects].map(([resource, objects]) => [resource, { get: (name: string) => objects.get(name), list: () => [...objects.values()] }]),
		);
		for (const { key, value } of sql.all<{ key: string; value: string }>("SELECT key, value FROM meta WHERE key LIKE ?", `${ROW}%`)) {
			const [resource = "", name = ""] = key.slice(ROW.length).split("#");
			this.#objects.get(resource)?.set(name, JSON.parse(value) as KubeObject);
		}
		for (const { key, value } of sql.all<{ key: string; value: string }>("SELECT key, value FROM meta WHERE key LIKE ?", `${CLOCK}%`))
			this.#clocks.set(key.slice(CLOCK.length), Number(value));
	}

	/** Asked once: a cluster that an earlier version made has namespaces that have not told of what was there. */
	questions(namespaces: readonly string[]): ObjectMessage[] {
		const asked = new Set(this.#sql.all<{ key: string }>("SELECT key FROM meta WHERE key LIKE ?", `${ASKED}%`).map(({ key }) => key.slice(ASKED.length)));
		const missing = [...this.#objects.keys()].filter((resource) => !asked.has(resource));
		for (const resource of missing) this.#sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, '')", ASKED + resource);
		return missing.flatMap((resource) =>
			namespaces.map((name): ObjectMessage => ({ to: { object: "namespace", name }, body: { type: "wantReplicas", resource } })),
		);
	}

	/** Whether the namespace has said that it has none of the name. */
	isGone(resource: ResourceName, namespace: string, name: string): boolean {
		return this.#gone.has(`${resource}#${fullName(namespace, name)}`);
	}

	/** What the message changes. A name that is free is told of even where nothing was known of it: someone may have asked. */
	take({ namespace, resource, objects, removed }: Extract<MessageBody, { type: "replicate" }>, clock: number): ObjectChange[] {
		if (clock < (this.#clocks.get(namespace) ?? 0) || !this.#objects.has(resource)) return [];
		this.#clocks.set(namespace, clock);
		this.#sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", CLOCK + namespace, String(clock));
		return [...objects.map((object) => this.#put(resource, namespace, object)), ...removed.map((name) => this.#remove(resource, namespace, name))];
	}

	/** The namespace is no more. */
	forget(namespace: string): ObjectChange[] {
		this.#sql.run("DELETE FROM meta WHERE key = ?", CLOCK + namespace);
		this.#clocks.delete(namespace);
		return [...this.#objects].flatMap(([resource, objects]) => {
			const left = [...objects.values()].filter(({ metadata }) => metadata.namespace === namespace);
			return left.map(({ metadata }) => this.#remove(resource, namespace, metadata.name ?? ""));
		});
	}

	#put(resource: ResourceName, namespace: string, object: KubeObject): ObjectChange {
		const name = fullName(namespace, object.metadata.name ?? "");
		const old = this.#objects.get(resource)?.get(name);
		this.#objects.get(resource)?.set(name, object);
		this.#gone.delete(`${resource}#${name}`);
		this.#sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", `${ROW}${resource}#${name}`, JSON.stringify(object));
		return { resource, object, ...(old ? { old } : {}) };
	}

	#remove(resource: ResourceName, namespace: string, objectName: string): ObjectChange {
		const name = fullName(namespace, objectName);
		const old = this.#objects.get(resource)?.get(name) ?? { apiVersion: "", kind: "", metadata: { name: objectName, namespace } };
		this.#objects.get(resource)?.delete(name);
		if (this.#gone.size >= GONE_MAX) this.#gone.clear();
		this.#gone.add(`${resource}#${name}`);
		this.#sql.run("DELETE FROM meta WHERE key = ?", `${ROW}${resource}#${name}`);
		return { resource, old };
	}
}
