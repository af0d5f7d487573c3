/** Parsed objects by name and revision, so that a reconcile of many objects does not parse them again each time. */
import type { KubeObject, ResourceName } from "../core/meta/object.ts";

/** At 2 KiB an object about 40 MB of heap, a third of an isolate. */
export const CACHED_OBJECTS_MAX = 8_192;
/** Events outnumber all else, and no reconcile reads them again and again: they would push out what is read. */
const UNCACHED: ReadonlySet<ResourceName> = new Set(["events"]);

export class ObjectCache {
	readonly #entries = new Map<string, { revision: number; object: KubeObject }>();

	get(resource: ResourceName, name: string, revision: number): KubeObject | undefined {
		const entry = this.#entries.get(`${resource}/${name}`);
		return entry?.revision === revision ? entry.object : undefined;
	}

	/** Whatever revision is kept: the present one, since every write passes through here. */
	latest(resource: ResourceName, name: string): KubeObject | undefined {
		return this.#entries.get(`${resource}/${name}`)?.object;
	}

	/** Keeps an object of a list only where there is room: a list longer than the cache would push out each object just before it is read again. */
	setListed(resource: ResourceName, name: string, revision: number, object: KubeObject): void {
		if (this.#entries.size < CACHED_OBJECTS_MAX) this.set(resource, name, revision, object);
	}

	set(resource: ResourceName, name: string, revision: number, object: KubeObject): void {
		if (UNCACHED.has(resource)) return;
		const key = `${resource}/${name}`;
		if (this.#entries.size >= CACHED_OBJECTS_MAX && !this.#entries.has(key)) {
			const oldest = this.#entries.keys().next();
			if (!oldest.done) this.#entries.delete(oldest.value);
		}
		this.#entries.set(key, { revision, object });
	}

	delete(resource: ResourceName, name: string): void {
		this.#entries.delete(`${resource}/${name}`);
	}

	clear(): void {
		this.#entries.clear();
	}
}
