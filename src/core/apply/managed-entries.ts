/** metadata.managedFields as a set of managers (apimachinery managedfields): reading, capping, ordering, writing. */
import type { ManagedFieldsEntry } from "../schema/kubernetes.d.ts";
import { type FieldSet, isEmptySet, isFieldSet, sortedSet, union } from "./fields-v1.ts";
import type { Ignored } from "./compare.ts";

/** DefaultMaxUpdateManagers: beyond it the oldest Update entries are merged into one. */
export const UPDATE_MANAGERS_MAX = 10;
const OLD_UPDATES_MANAGER = "ancient-changes";

export interface ManagedSet {
	manager: string;
	operation: "Apply" | "Update";
	apiVersion: string;
	subresource: string;
	/** RFC 3339, whole seconds. */
	time: string | undefined;
	set: FieldSet;
	/** The entry this was read from, while its set is the same: it is written back as it is. */
	source?: ManagedFieldsEntry;
}

/** What no one owns: the fields that the server sets (upstream's stripMeta). */
export const UNOWNED: Ignored = {
	apiVersion: true,
	kind: true,
	metadata: {
		name: true,
		namespace: true,
		creationTimestamp: true,
		selfLink: true,
		uid: true,
		clusterName: true,
		generation: true,
		managedFields: true,
		resourceVersion: true,
	},
};
const UNOWNED_MAIN: Ignored = { ...UNOWNED, status: true };
const UNOWNED_STATUS: Ignored = { ...UNOWNED, spec: true };

/** The fields that a write through this subresource cannot own (the strategies' GetResetFields). */
export const unownedBy = (subresource: string): Ignored => (subresource === "" ? UNOWNED_MAIN : subresource === "status" ? UNOWNED_STATUS : UNOWNED);

/** Upstream's manager identifier: an Apply entry is the same one whatever its version. */
export function managerKey(entry: Pick<ManagedSet, "manager" | "operation" | "apiVersion" | "subresource">): string {
	return JSON.stringify([entry.manager, entry.operation, entry.operation === "Apply" ? "" : entry.apiVersion, entry.subresource]);
}

/** Reads the entries; undefined when one of them is malformed. */
export function readEntries(entries: readonly ManagedFieldsEntry[] | undefined): Map<string, ManagedSet> | undefined {
	for (const { operation, fieldsType, fieldsV1 } of entries ?? []) {
		if ((operation !== "Apply" && operation !== "Update") || fieldsType !== "FieldsV1") return undefined;
		if (!isFieldSet(fieldsV1 ?? {})) return undefined;
	}
	return readStoredEntries(entries);
}

/** Reads entries that this server has written, without checking them again. */
export function readStoredEntries(entries: readonly ManagedFieldsEntry[] | undefined): Map<string, ManagedSet> {
	const sets = new Map<string, ManagedSet>();
	for (const entry of entries ?? []) {
		const set = (entry.fieldsV1 ?? {}) as FieldSet;
		if (isEmptySet(set)) continue;
		const managed: ManagedSet = {
			manager: entry.manager ?? "",
			operation: entry.operation === "Apply" ? "Apply" : "Update",
			apiVersion: entry.apiVersion ?? "",
			subresource: entry.subresource ?? "",
			time: entry.time,
			set,
			source: entry,
		};
		sets.set(managerKey(managed), managed);
	}
	return sets;
}

/** `managedFields: [{}]` is how a client asks that nothing be tracked any more. */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
	return entries?.length === 1 && Object.values(entries[0] as object).every((value) => value === undefined || value === null || value === "");
}

const secondsOf = (time: string | undefined): number => (time === undefined ? 0 : Math.floor(Date.parse(time) / 1000) || 0);
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Merges the oldest Update entries, version by version, until there are no more than UPDATE_MANAGERS_MAX. */
export function capUpdateManagers(sets: Map<string, ManagedSet>): void {
	const updaters = [...sets].filter(([, managed]) => managed.operation === "Update");
	if (updaters.length <= UPDATE_MANAGERS_MAX) return;
	updaters.sort(([aKey, a], [bKey, b]) => secondsOf(a.time) - secondsOf(b.time) || compareText(aKey, bKey));
	const firstOfVersion = new Map<string, [string, ManagedSet]>();
	let count = updaters.length;
	for (const [key, managed] of updaters) {
		if (count <= UPDATE_MANAGERS_MAX) return;
		const first = firstOfVersion.get(managed.apiVersion);
		if (first === undefined) {
			firstOfVersion.set(managed.apiVersion, [key, managed]);
			continue;
		}
		const bucket = { manager: OLD_UPDATES_MANAGER, operation: "Update" as const, apiVersion: managed.apiVersion, subresource: "" };
		const bucketKey = managerKey(bucket);
		let known = sets.get(bucketKey);
		if (known === undefined) {
			sets.delete(first[0]);
			known = { ...first[1], ...bucket };
		}
		sets.delete(key);
		sets.set(bucketKey, { ...known, ...bucket, set: union(known.set, managed.set) as FieldSet, time: managed.time, source: undefined });
		count--;
	}
}

function entryOf(managed: ManagedSet): ManagedFieldsEntry {
	if (managed.source !== undefined && managed.source.time === managed.time && managed.source.fieldsV1 === managed.set) return managed.source;
	const { manager, operation, apiVersion, time, subresource } = managed;
	return {
		manager,
		operation,
		apiVersion,
		...(time === undefined ? {} : { time }),
		fieldsType: "FieldsV1",
		fieldsV1: sortedSet(managed.set) as Record<string, unknown>,
		...(subresource === "" ? {} : { subresource }),
	};
}

/** The entries in upstream's order: appliers first, then by time. Undefined when there are none. */
export function writeEntries(sets: ReadonlyMap<string, ManagedSet>): ManagedFieldsEntry[] | undefined {
	if (sets.size === 0) return undefined;
	const ordered = [...sets.values()];
	if (ordered.length > 1) {
		ordered.sort(
			(a, b) =>
				compareText(a.operation, b.operation) ||
				secondsOf(a.time) - secondsOf(b.time) ||
				compareText(a.manager, b.manager) ||
				compareText(a.apiVersion, b.apiVersion) ||
				compareText(a.subresource, b.subresource),
		);
	}
	return ordered.map(entryOf);
}
