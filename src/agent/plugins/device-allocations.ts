/** Which container has which devices, and what its plugin gave with them; kept on disk, so that devices stay with their pods. */
import { readFileIfPresent, writeFileAtomic } from "../atomic-file.ts";
import { parseJson } from "../control-plane-client.ts";
import type { DeviceGrant } from "./device-plugin.ts";

export interface Allocation {
	podUid: string;
	container: string;
	resource: string;
	ids: string[];
	grant: DeviceGrant;
}

interface Checkpoint {
	allocations: Allocation[];
	/** Of plugins that registered once: without theirs the node has none of these. */
	resources: string[];
}

export class DeviceAllocations {
	readonly #path: string;
	#allocations: Allocation[] = [];
	readonly #resources = new Set<string>();
	#saved = "";

	constructor(path: string) {
		this.#path = path;
	}

	async load(): Promise<void> {
		const text = await readFileIfPresent(this.#path);
		const { allocations = [], resources = [] } = ((text && parseJson(text)) || {}) as Partial<Checkpoint>;
		this.#allocations = allocations;
		for (const resource of resources) this.#resources.add(resource);
	}

	/** Does nothing when nothing has changed. */
	async save(): Promise<void> {
		const text = JSON.stringify({ allocations: this.#allocations, resources: [...this.#resources] } satisfies Checkpoint);
		if (text === this.#saved) return;
		this.#saved = text;
		await writeFileAtomic(this.#path, text);
	}

	/** Resources that a plugin has offered at some time. */
	get resources(): ReadonlySet<string> {
		return this.#resources;
	}

	know(resource: string): void {
		this.#resources.add(resource);
	}

	of(podUid: string, container?: string): Allocation[] {
		return this.#allocations.filter((one) => one.podUid === podUid && (container === undefined || one.container === container));
	}

	find(podUid: string, container: string, resource: string): Allocation | undefined {
		return this.of(podUid, container).find((one) => one.resource === resource);
	}

	/** Ids of devices that somebody has. */
	used(resource: string): Set<string> {
		return new Set(this.#allocations.filter((one) => one.resource === resource).flatMap(({ ids }) => ids));
	}

	add(allocation: Allocation): void {
		this.#allocations.push(allocation);
	}

	removePod(podUid: string): void {
		this.#allocations = this.#allocations.filter((one) => one.podUid !== podUid);
	}

	/** Uids of pods that have devices. */
	podUids(): Set<string> {
		return new Set(this.#allocations.map(({ podUid }) => podUid));
	}
}
