/** The built-in kinds and, over them, those of a cluster's own definitions, which come and go. */
import type { ResourceName } from "../meta/object.ts";
import type { KindDefinition, KindRegistry } from "./define-kind.ts";
import { buildRegistry } from "./registry.ts";

export class LayeredRegistry implements KindRegistry {
	readonly #base: KindRegistry;
	#custom: KindRegistry = buildRegistry([]);
	#all: readonly KindDefinition[];

	constructor(base: KindRegistry, custom: readonly KindDefinition[] = []) {
		this.#base = base;
		this.#all = base.all();
		this.setCustom(custom);
	}

	/** Replaces the kinds of the upper layer; a built-in kind is never hidden by one. */
	setCustom(kinds: readonly KindDefinition[]): void {
		this.#custom = buildRegistry(kinds);
		this.#all = [...this.#base.all(), ...kinds];
	}

	all(): readonly KindDefinition[] {
		return this.#all;
	}

	byResource(group: string, version: string, plural: string): KindDefinition | undefined {
		return this.#base.byResource(group, version, plural) ?? this.#custom.byResource(group, version, plural);
	}

	byKind(group: string, version: string, kind: string): KindDefinition | undefined {
		return this.#base.byKind(group, version, kind) ?? this.#custom.byKind(group, version, kind);
	}

	byStoreName(resource: ResourceName): KindDefinition | undefined {
		return this.#base.byStoreName(resource) ?? this.#custom.byStoreName(resource);
	}
}
