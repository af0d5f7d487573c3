/**
 * Server-side apply (apimachinery managedfields over structured-merge-diff): merges what a manager says it wants into the
 * object, takes out what it wanted before and wants no more, and refuses to take fields from others unless forced.
 */
import { badRequest, plainError } from "../errors/status-error.ts";
import type { Json, JsonObject, KubeObject } from "../meta/object.ts";
import type { ManagedFieldsEntry } from "../schema/kubernetes.d.ts";
import { jsonEqual } from "../meta/equality.ts";
import type { Schema } from "../schema/types.ts";
import { conflictError, conflictsWithout, type FieldConflict } from "./apply-conflict.ts";
import { compareObjects, type Delta, type Ignored } from "./compare.ts";
import { difference, fieldElement, type FieldSet, intersection, LEAF, recursiveDifference, union } from "./fields-v1.ts";
import { capUpdateManagers, type ManagedSet, managerKey, readEntries, unownedBy, writeEntries } from "./managed-entries.ts";
import { transferOwnership, type Writer } from "./managed-fields.ts";
import { configErrors, fieldsOf, mergeValues, removeItems, rootShape, withNamedFields } from "./typed-value.ts";

export interface ApplyOptions extends Writer {
	/** Take the fields of other managers. */
	force: boolean;
}

/** The manager that owns what an object had before anything was tracked. */
const BEFORE_FIRST_APPLY = "before-first-apply";
/** Only this manager takes over from, and keeps up, client-side apply's annotation. */
const KUBECTL = "kubectl";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

const asJson = (object: KubeObject | undefined): JsonObject | undefined => object as unknown as JsonObject | undefined;

function ignoredSet(ignored: Ignored): FieldSet {
	const set: Record<string, FieldSet> = {};
	for (const [name, below] of Object.entries(ignored)) set[fieldElement(name)] = below === true ? LEAF : ignoredSet(below);
	return set;
}

function withoutManagedFields(object: KubeObject): KubeObject {
	const { managedFields: _, ...metadata } = object.metadata;
	return { ...object, metadata };
}

function checkConfig(schema: Schema, typeName: string, config: KubeObject, by: ApplyOptions): void {
	if (config.apiVersion !== by.apiVersion) {
		throw badRequest(`Incorrect version specified in apply patch. Specified patch version: ${config.apiVersion}, expected: ${by.apiVersion}`);
	}
	if (config.metadata?.managedFields !== undefined && config.metadata.managedFields !== null) throw badRequest("metadata.managedFields must be nil");
	const errors = configErrors(schema, rootShape(schema, typeName), asJson(config) as JsonObject);
	if (errors.length === 0) return;
	const text = (value: unknown): string => (typeof value === "string" ? value : "");
	const address = `${text(config.metadata?.namespace)}/${text(config.metadata?.name)}`;
	const list = errors.length === 1 ? errors[0] : `errors:${errors.map((e) => `\n  ${e}`).join("")}`;
	// Upstream answers this fault of the client's with 500 and no reason.
	throw plainError(`failed to create typed patch object (${address}; ${config.apiVersion}, Kind=${config.kind}): ${list}`);
}

/** One apply: the managers as they are now, and the steps of structured-merge-diff's Updater.Apply. */
class Application {
	private readonly schema: Schema;
	private readonly typeName: string;
	private readonly by: ApplyOptions;
	private readonly sets: Map<string, ManagedSet>;
	private readonly ownKey: string;
	private readonly own: Omit<ManagedSet, "set">;

	constructor(schema: Schema, typeName: string, live: KubeObject | undefined, by: ApplyOptions) {
		this.schema = schema;
		this.typeName = typeName;
		this.by = by;
		this.own = { manager: by.manager, operation: "Apply", apiVersion: by.apiVersion, subresource: by.subresource, time: by.nowIso };
		this.ownKey = managerKey(this.own);
		this.sets = readEntries(live?.metadata.managedFields) ?? new Map();
		if (live !== undefined && this.sets.size === 0) this.adopt(live);
	}

	/** An object that was never tracked: all it has becomes the fields of `before-first-apply`. */
	private adopt(live: KubeObject): void {
		const delta = compareObjects(this.schema, this.typeName, undefined, asJson(live) as JsonObject, unownedBy(this.by.subresource));
		if (delta !== undefined) transferOwnership(this.sets, delta, { ...this.by, manager: BEFORE_FIRST_APPLY });
	}

	run(live: JsonObject, config: JsonObject, force: boolean, allowed: (conflicts: readonly FieldConflict[]) => boolean): JsonObject {
		const shape = rootShape(this.schema, this.typeName);
		const last = this.sets.get(this.ownKey);
		const wanted = recursiveDifference(fieldsOf(this.schema, shape, config), ignoredSet(unownedBy(this.by.subresource)));
		if (wanted === undefined) this.sets.delete(this.ownKey);
		else this.sets.set(this.ownKey, { ...this.own, set: wanted });
		const merged = this.prune(mergeValues(this.schema, shape, live, config) as JsonObject, last?.set);
		const delta = compareObjects(this.schema, this.typeName, live, merged, unownedBy(this.by.subresource));
		if (delta !== undefined) this.take(delta, force, allowed);
		// Order counts here though it belongs to no field: an apply may put a list in another order.
		if (!jsonEqual(live, merged)) return merged;
		this.keepTime(last);
		return live;
	}

	/** What was wanted before, is wanted no more, and is owned by no one else, goes. */
	private prune(merged: JsonObject, lastSet: FieldSet | undefined): JsonObject {
		if (lastSet === undefined) return merged;
		const { schema } = this;
		const shape = rootShape(schema, this.typeName);
		const named = (set: FieldSet | undefined): FieldSet | undefined => withNamedFields(schema, shape, set);
		const setOf = (value: JsonObject): FieldSet | undefined => named(fieldsOf(schema, shape, value));
		const remove = (set: FieldSet | undefined): JsonObject => (removeItems(schema, shape, merged, set) ?? {}) as JsonObject;
		// What is nobody's (an object's name) is not taken away with what surrounds it.
		let managed: FieldSet | undefined = ignoredSet(unownedBy(this.by.subresource));
		for (const { set } of this.sets.values()) managed = union(managed, set);
		const all = setOf(merged);
		const withoutLast = remove(named(lastSet));
		const withOwned = remove(difference(all, union(setOf(withoutLast), named(managed))));
		return remove(intersection(difference(all, setOf(withOwned)), named(lastSet)));
	}

	private take(delta: Delta, force: boolean, allowed: (conflicts: readonly FieldConflict[]) => boolean): void {
		const others = [...this.sets].filter(([key]) => key !== this.ownKey);
		const conflicts: FieldConflict[] = [];
		for (const [, owner] of others) {
			const fields = intersection(owner.set, delta.changed);
			if (fields !== undefined) conflicts.push({ owner, fields });
		}
		if (!force && conflicts.length > 0 && !allowed(conflicts)) throw conflictError(conflicts);
		for (const [key, owner] of others) {
			const rest = difference(difference(owner.set, delta.changed), delta.removed);
			if (rest === undefined) this.sets.delete(key);
			else if (rest !== owner.set) this.sets.set(key, { ...owner, set: rest });
		}
	}

	/** An apply that changes nothing keeps the entry's time. */
	private keepTime(last: ManagedSet | undefined): void {
		const own = this.sets.get(this.ownKey);
		if (own !== undefined && last !== undefined) this.sets.set(this.ownKey, { ...own, time: last.time });
	}

	entries(): ManagedFieldsEntry[] | undefined {
		capUpdateManagers(this.sets);
		return writeEntries(this.sets);
	}
}

/** The fields that client-side apply set last, by its annotation. */
function lastAppliedFields(schema: Schema, typeName: string, live: KubeObject): FieldSet | undefined {
	const text = live.metadata.annotations?.[LAST_APPLIED];
	if (!text) return undefined;
	try {
		return fieldsOf(schema, rootShape(schema, typeName), JSON.parse(text) as Json);
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		throw error;
	}
}

/** kubectl keeps the annotation that client-side apply reads up to date, where there is one. */
function syncLastApplied(object: KubeObject, config: KubeObject): KubeObject {
	if (!object.metadata.annotations?.[LAST_APPLIED]) return object;
	const { annotations, ...metadata } = withoutManagedFields(config).metadata;
	const { [LAST_APPLIED]: _, ...rest } = annotations ?? {};
	const applied = { ...config, metadata: { ...metadata, ...(annotations === undefined ? {} : { annotations: rest }) } };
	const value = `${JSON.stringify(applied)}\n`;
	return { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [LAST_APPLIED]: value } } };
}

/**
 * Applies `config`, exactly as the client sent it (not defaulted), to `live` (undefined creates) and returns the result with its managedFields; neither
 * input is changed. Throws a StatusError: 409 Conflict with a cause per field that others own, 400 for a wrong version
 * or managedFields in the config, 500 with upstream's words for fields that the schema does not declare.
 */
export function serverSideApply(schema: Schema, typeName: string, live: KubeObject | undefined, config: KubeObject, options: ApplyOptions): KubeObject {
	checkConfig(schema, typeName, config, options);
	const application = new Application(schema, typeName, live, options);
	const before = live === undefined ? ({ apiVersion: config.apiVersion, kind: config.kind, metadata: {} } as KubeObject) : withoutManagedFields(live);
	const isKubectl = options.manager === KUBECTL;
	/** kubectl may take, unforced, what client-side apply had set. */
	const allowed = (conflicts: readonly FieldConflict[]): boolean => {
		const fields = isKubectl && live !== undefined ? lastAppliedFields(schema, typeName, live) : undefined;
		if (fields === undefined) return false;
		const rest = conflictsWithout(conflicts, fields);
		if (rest.length > 0) throw conflictError(rest);
		return true;
	};
	const merged = application.run(asJson(before) as JsonObject, asJson(config) as JsonObject, options.force, allowed) as unknown as KubeObject;
	const synced = isKubectl ? syncLastApplied(merged, config) : merged;
	const managedFields = application.entries();
	return { ...synced, metadata: { ...synced.metadata, ...(managedFields === undefined ? {} : { managedFields }) } };
}
