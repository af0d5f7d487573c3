/**
 * Remembers what the last created object's managedFields were: a controller makes many objects from one template, and who
 * owns which field is the same for all of them.
 */
import type { KubeObject } from "../core/meta/object.ts";
import type { ManagedFieldsEntry } from "../core/schema/kubernetes.d.ts";

export class TwinFields {
	#text = "";
	#fields: ManagedFieldsEntry[] | undefined;

	/** The managedFields of `object`, computed by `compute` unless the last one asked for differs from it by name alone. */
	of(object: KubeObject, manager: string, nowIso: string, compute: () => ManagedFieldsEntry[] | undefined): ManagedFieldsEntry[] | undefined {
		const { name: _name, uid: _uid, creationTimestamp: _created, ...metadata } = object.metadata;
		const text = JSON.stringify([manager, nowIso, { ...object, metadata }]);
		if (text !== this.#text) {
			this.#fields = compute();
			this.#text = text;
		}
		return this.#fields;
	}
}
