/** Who owns which field after a create, update or patch (apimachinery managedfields, the Update half). */
import type { JsonObject, KubeObject } from "../meta/object.ts";
import type { ManagedFieldsEntry } from "../schema/kubernetes.d.ts";
import type { Schema } from "../schema/types.ts";
import { compareObjects, type Delta } from "./compare.ts";
import { difference, type FieldSet, union } from "./fields-v1.ts";
import { capUpdateManagers, isReset, type ManagedSet, managerKey, readEntries, readStoredEntries, unownedBy, writeEntries } from "./managed-entries.ts";

/** Who writes, and when. */
export interface Writer {
	/** The field manager's name. */
	manager: string;
	/** Of the object as written: "apps/v1". */
	apiVersion: string;
	/** RFC 3339 in whole seconds. */
	nowIso: string;
	/** "" for the object itself. */
	subresource: string;
}

/** Takes the paths from each manager; one that is left with nothing goes. */
function takeAway(sets: Map<string, ManagedSet>, taken: FieldSet | undefined): void {
	if (taken === undefined) return;
	for (const [key, managed] of sets) {
		const rest = difference(managed.set, taken);
		if (rest === undefined) sets.delete(key);
		else if (rest !== managed.set) sets.set(key, { ...managed, set: rest });
	}
}

/** Gives what a write changed to its writer and takes it, and what is gone, from everyone else. Changes `sets`. */
export function transferOwnership(sets: Map<string, ManagedSet>, delta: Delta, by: Writer): void {
	takeAway(sets, delta.changed);
	takeAway(sets, delta.removed);
	if (delta.changed === undefined) return;
	const own = { manager: by.manager, operation: "Update" as const, apiVersion: by.apiVersion, subresource: by.subresource };
	const key = managerKey(own);
	const set = union(sets.get(key)?.set, delta.changed) as FieldSet;
	sets.set(key, { ...own, time: by.nowIso, set });
}

/** The entries to start from: the client's where it sent some, else the stored ones. */
function startingSets(old: KubeObject | undefined, next: KubeObject, subresource: string): Map<string, ManagedSet> {
	const stored = (): Map<string, ManagedSet> => readStoredEntries(old?.metadata.managedFields);
	if (subresource !== "") return stored();
	const sent = next.metadata.managedFields;
	if (isReset(sent)) return new Map();
	if (sent === undefined || sent.length === 0) return stored();
	const read = readEntries(sent);
	return read === undefined || read.size === 0 ? stored() : read;
}

/**
 * The managedFields of `next` after this write by `by`; undefined when there are none. Neither object is changed. An
 * update of an object that has none tracks nothing, as upstream, so that `managedFields: [{}]` turns tracking off. A
 * write that changes no owned field keeps the entries, times included.
 */
export function recordUpdate(schema: Schema, typeName: string, old: KubeObject | undefined, next: KubeObject, by: Writer): ManagedFieldsEntry[] | undefined {
	const sets = startingSets(old, next, by.subresource);
	if (old !== undefined && sets.size === 0) return undefined;
	const delta = compareObjects(schema, typeName, old as unknown as JsonObject | undefined, next as unknown as JsonObject, unownedBy(by.subresource));
	if (delta !== undefined) {
		transferOwnership(sets, delta, by);
		capUpdateManagers(sets);
	}
	return writeEntries(sets);
}
