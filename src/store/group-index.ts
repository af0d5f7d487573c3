/**
 * Objects of a collection by what somebody looks for them by, in memory: made when it is first asked for and kept up by each write.
 */
import type { Grouping, KubeObject } from "../core/meta/object.ts";

/** One collection by one grouping. */
class Groups {
	readonly #names = new Map<string, Set<string>>();
	readonly #keys = new Map<string, readonly string[]>();

	names(key: string): Iterable<string> {
		return this.#names.get(key) ?? [];
	}

	set(name: string, keys: readonly string[]): void {
		for (const key of this.#keys.get(name) ?? []) {
			const names = this.#names.get(key);
			names?.delete(name);
			if (names?.size === 0) this.#names.delete(key);
		}
		if (keys.length === 0) this.#keys.delete(name);
		else this.#keys.set(name, keys);
		for (const key of keys) this.#names.set(key, (this.#names.get(key) ?? new Set()).add(name));
	}
}

export class GroupIndex {
	readonly #groups = new Map<Grouping, Groups>();

	/** Names of the objects of the group. `load` reads the collection on first use. */
	names(grouping: Grouping, key: string, load: () => readonly KubeObject[]): string[] {
		let groups = this.#groups.get(grouping);
		if (groups === undefined) {
			groups = new Groups();
			for (const object of load()) groups.set(object.metadata.name ?? "", grouping.keys(object));
			this.#groups.set(grouping, groups);
		}
		return [...groups.names(key)].sort();
	}

	/** Undefined for what is gone. */
	set(resource: string, name: string, object: KubeObject | undefined): void {
		for (const [grouping, groups] of this.#groups) if (grouping.resource === resource) groups.set(name, object === undefined ? [] : grouping.keys(object));
	}
}
