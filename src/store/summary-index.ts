/**
 * Names, revisions, labels and fields of whole collections in memory: a scan for a selector then reads no pages of the
 * database, which hold the bodies too. A collection is read once after the object wakes and kept up by each write.
 */
import type { ResourceName } from "../core/meta/object.ts";
import type { ListOptions, Summary } from "./store.ts";

/** Entries in memory at most, over all collections (about 400 bytes each): beyond it SQL scans. */
export const SUMMARIES_MAX = 100_000;

export interface SummaryEntry extends Summary {
	name: string;
	revision: number;
}

/** One collection, in name order. */
class Collection {
	readonly names: string[];
	readonly entries: Map<string, SummaryEntry>;

	constructor(rows: readonly SummaryEntry[]) {
		this.names = rows.map((row) => row.name);
		this.entries = new Map(rows.map((row) => [row.name, row]));
	}

	/** The place of the first name after `name`. */
	after(name: string): number {
		let low = 0;
		let high = this.names.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if ((this.names[middle] ?? "") <= name) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	set(entry: SummaryEntry): void {
		if (!this.entries.has(entry.name)) this.names.splice(this.after(entry.name), 0, entry.name);
		this.entries.set(entry.name, entry);
	}

	delete(name: string): void {
		if (this.entries.delete(name)) this.names.splice(this.after(name) - 1, 1);
	}

	scan({ matcher, after = "", limit = Number.POSITIVE_INFINITY }: ListOptions): SummaryEntry[] {
		const found: SummaryEntry[] = [];
		for (let i = after === "" ? 0 : this.after(after); i < this.names.length && found.length < limit; i++) {
			const entry = this.entries.get(this.names[i] ?? "");
			if (entry !== undefined && (matcher === undefined || matcher.matches(entry.name, entry))) found.push(entry);
		}
		return found;
	}
}

export class SummaryIndex {
	readonly #collections = new Map<ResourceName, Collection>();
	#size = 0;

	/** The matching entries in name order; undefined when the collection is too big to be held. `load` reads it on first use. */
	scan(resource: ResourceName, options: ListOptions, load: () => readonly SummaryEntry[]): SummaryEntry[] | undefined {
		let collection = this.#collections.get(resource);
		if (collection === undefined) {
			const rows = load();
			if (this.#size + rows.length > SUMMARIES_MAX) return undefined;
			this.#size += rows.length;
			collection = new Collection(rows);
			this.#collections.set(resource, collection);
		}
		return collection.scan(options);
	}

	/** The object's revision, null when there is none of the name; undefined when the collection is not in memory. */
	revisionOf(resource: ResourceName, name: string): number | null | undefined {
		const collection = this.#collections.get(resource);
		return collection && (collection.entries.get(name)?.revision ?? null);
	}

	/** How many names come after one; undefined while the collection is not held. */
	countAfter(resource: ResourceName, name: string): number | undefined {
		const collection = this.#collections.get(resource);
		return collection && collection.names.length - collection.after(name);
	}

	set(resource: ResourceName, entry: SummaryEntry): void {
		const collection = this.#collections.get(resource);
		if (collection === undefined) return;
		if (!collection.entries.has(entry.name)) this.#size++;
		collection.set(entry);
		if (this.#size > SUMMARIES_MAX) this.forget(resource);
	}

	delete(resource: ResourceName, name: string): void {
		const collection = this.#collections.get(resource);
		if (!collection?.entries.has(name)) return;
		this.#size--;
		collection.delete(name);
	}

	/** Drops a collection: it is read again when it is next asked for. */
	forget(resource: ResourceName): void {
		this.#size -= this.#collections.get(resource)?.entries.size ?? 0;
		this.#collections.delete(resource);
	}
}
