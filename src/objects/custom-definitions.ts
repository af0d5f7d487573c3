/** A cluster's CustomResourceDefinitions: where they are stored, where they are copied to, and the kinds they make. */
import type { TerminatingDefinition } from "../core/controllers/custom-resource-cleanup-controller.ts";
import { customKinds } from "../core/crd/custom-kinds.ts";
import type { KindDefinition, KindRegistry } from "../core/kinds/define-kind.ts";
import { API_SERVICES } from "../core/kinds/api-service.ts";
import { LayeredRegistry } from "../core/kinds/layered-registry.ts";
import { resourceName } from "../core/meta/object.ts";
import type { APIService, CustomResourceDefinition } from "../core/schema/kubernetes.d.ts";
import type { Sql } from "../store/sql.ts";
import type { Store } from "../store/store.ts";

export const DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions";
const VERSION_KEY = "definitions-version";
/** Before a definition's uid and a namespace, in the meta table. */
const EMPTIED = "emptied/";

/** The definitions of a version; `definitions` is null for who has that version already. */
export interface DefinitionSet {
	/** 0 while there has never been one. */
	version: number;
	definitions: CustomResourceDefinition[] | null;
	/** Those APIServices that other servers serve; of `definitions`' version, and null as they are. */
	services: APIService[] | null;
}

export const definitionsOf = (store: Store): { definitions: CustomResourceDefinition[]; services: APIService[] } => ({
	definitions: store.list(DEFINITIONS),
	services: store.list<APIService>(API_SERVICES).filter(({ spec }) => spec?.service),
});

/** Keeps the kinds of definitions that have not changed: what they have compiled is worth keeping. */
class KindCache {
	#kinds = new Map<string, KindDefinition[]>();

	of(definitions: readonly CustomResourceDefinition[]): KindDefinition[] {
		const next = new Map<string, KindDefinition[]>();
		for (const definition of definitions) {
			const { uid, resourceVersion } = definition.metadata;
			const key = `${uid} ${resourceVersion}`;
			next.set(key, this.#kinds.get(key) ?? customKinds(definition));
		}
		this.#kinds = next;
		return [...next.values()].flat();
	}
}

/** A copy of the definitions and the registry that they make with the built-in kinds. */
export class DefinitionReplica {
	readonly registry: LayeredRegistry;
	readonly #cache = new KindCache();
	#version = 0;
	#terminating: readonly TerminatingDefinition[] = [];
	#services: readonly APIService[] = [];

	constructor(builtin: KindRegistry) {
		this.registry = new LayeredRegistry(builtin);
	}

	get version(): number {
		return this.#version;
	}

	/** Those that are going away, with the collections of their objects. */
	get terminating(): readonly TerminatingDefinition[] {
		return this.#terminating;
	}

	/** The APIServices that other servers serve. */
	get services(): readonly APIService[] {
		return this.#services;
	}

	take({ version, definitions, services }: DefinitionSet): void {
		this.#version = version;
		this.#services = services ?? this.#services;
		if (definitions === null) return;
		this.registry.setCustom(this.#cache.of(definitions));
		this.#terminating = definitions
			.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
			.map(({ metadata, spec }) => ({ name: metadata.name ?? "", uid: metadata.uid ?? "", resource: resourceName(spec.group, spec.names.plural) }));
	}
}

/** What the Cluster object keeps about definitions beside the objects themselves. */
export class DefinitionLedger {
	readonly #sql: Sql;

	constructor(sql: Sql) {
		this.#sql = sql;
	}

	/** Grows with each change of any definition, and of what other servers serve. */
	version(): number {
		return Number(this.#sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", VERSION_KEY)[0]?.value ?? 0);
	}

	changed(revision: number): void {
		this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", VERSION_KEY, String(revision));
	}

	noteEmptied(uid: string, namespace: string): void {
		this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, '')", `${EMPTIED}${uid}/${namespace}`);
	}

	emptied(uid: string): ReadonlySet<string> {
		const prefix = `${EMPTIED}${uid}/`;
		const rows = this.#sql.all<{ key: string }>("SELECT key FROM meta WHERE key >= ? AND key < ?", prefix, `${EMPTIED}${uid}0`);
		return new Set(rows.map(({ key }) => key.slice(prefix.length)));
	}

	/** Once a definition is gone nobody asks who emptied it. */
	forget(uid: string): void {
		this.#sql.run("DELETE FROM meta WHERE key >= ? AND key < ?", `${EMPTIED}${uid}/`, `${EMPTIED}${uid}0`);
	}
}
