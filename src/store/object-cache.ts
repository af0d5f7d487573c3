/** Parsed objects by name and revision, so that a reconcile of many objects does not parse them again each time. */
import type { KubeObject, ResourceName } from "../core/meta/object.ts";

/** At 2 KiB an object about 40 MB of heap, a third of an isolate. */
const CACHED_OBJECTS_MAX = 8_192;

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

	set(resource: ResourceName, name: string, revision: number, object: KubeObject): void {
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
