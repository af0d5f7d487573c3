/**
 * Strategic merge patch (k8s.io/apimachinery/pkg/util/strategicpatch, StrategicMergeMapPatch): a merge patch whose lists
 * merge by key as the schema says, steered by the `$` directives.
 */
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import type { Schema, TypeRef } from "../schema/types.ts";
import { setMember } from "./json-member.ts";
import { goKind } from "./json-patch.ts";
import { checkSetOrder, elementsAreObjects, identityOf, inOrder, placesOf, uniqueScalars } from "./strategic-list.ts";
import {
	badPatchType,
	badPrimitiveList,
	badRetainKeys,
	badSetOrder,
	DELETE_LIST_PREFIX,
	noMergeKey,
	PATCH_DIRECTIVE,
	type PatchField,
	patchField,
	plainPatchError,
	RETAIN_KEYS_DIRECTIVE,
	SET_ORDER_PREFIX,
	typeText,
} from "./strategic-schema.ts";

/** A copy of a value that goes in anew: without directives, without what they delete, without nulls in objects. */
function settled(value: Json): Json | undefined {
	if (Array.isArray(value)) return value.map((element) => (isJsonObject(element) ? settled(element) : element)).filter((element) => element !== undefined);
	if (!isJsonObject(value)) return value;
	if (value[PATCH_DIRECTIVE] === "delete") return undefined;
	const kept: JsonObject = {};
	for (const [key, child] of Object.entries(value)) {
		if (child === null || key === PATCH_DIRECTIVE || key === RETAIN_KEYS_DIRECTIVE) continue;
		if (key.startsWith(SET_ORDER_PREFIX) || key.startsWith(DELETE_LIST_PREFIX)) continue;
		const settledChild = settled(child);
		if (settledChild !== undefined) setMember(kept, key, settledChild);
	}
	return kept;
}

/** One application: the schema, and the merge of each shape. The inputs are copied before they are changed. */
class StrategicMerge {
	private readonly schema: Schema;

	constructor(schema: Schema) {
		this.schema = schema;
	}

	/** Merges `patch` into a copy of `original`. */
	object(original: JsonObject, patch: JsonObject, type: TypeRef): JsonObject {
		if (Object.hasOwn(patch, PATCH_DIRECTIVE)) return this.directive(patch);
		const merged: JsonObject = { ...original };
		const pending: JsonObject = { ...patch };
		this.retainKeys(merged, pending);
		this.orderedLists(merged, pending, type);
		for (const [key, value] of Object.entries(pending)) this.member(merged, key, value, type);
		return merged;
	}

	private directive(patch: JsonObject): JsonObject {
		const directive = patch[PATCH_DIRECTIVE];
		if (directive === "delete") return {};
		if (directive !== "replace") throw badPatchType(directive, patch);
		const { [PATCH_DIRECTIVE]: _, ...rest } = patch;
		return rest;
	}

	/** $retainKeys: only the named members survive, and the patch may set no others. */
	private retainKeys(merged: JsonObject, pending: JsonObject): void {
		if (!Object.hasOwn(pending, RETAIN_KEYS_DIRECTIVE)) return;
		const retained = pending[RETAIN_KEYS_DIRECTIVE];
		delete pending[RETAIN_KEYS_DIRECTIVE];
		if (!Array.isArray(retained)) throw badRetainKeys();
		const names = new Set<Json>(retained);
		for (const [key, value] of Object.entries(pending)) {
			if (value === null || key.startsWith(DELETE_LIST_PREFIX) || key.startsWith(SET_ORDER_PREFIX)) continue;
			if (!names.has(key)) throw badRetainKeys();
		}
		for (const key of Object.keys(merged)) if (!names.has(key)) delete merged[key];
	}

	/** $setElementOrder/x: merges x here and puts it in the asked order; the rest of the patch then no longer has x. */
	private orderedLists(merged: JsonObject, pending: JsonObject, type: TypeRef): void {
		for (const key of Object.keys(pending)) {
			if (!key.startsWith(SET_ORDER_PREFIX)) continue;
			const order = pending[key];
			delete pending[key];
			if (!Array.isArray(order)) throw badSetOrder();
			const name = key.slice(SET_ORDER_PREFIX.length);
			const before = this.listOf(merged[name]);
			const patch = this.listOf(pending[name]);
			const field = patchField(this.schema, type, name);
			checkSetOrder(patch ?? [], order, field.mergeKey);
			if (before === undefined && patch === undefined) continue;
			const list = this.joined(before, patch, field);
			merged[name] = inOrder(list, order, before ?? [], field.mergeKey);
			delete pending[name];
		}
	}

	private joined(before: Json[] | undefined, patch: Json[] | undefined, field: PatchField): Json[] {
		if (patch === undefined) return before ?? [];
		if (before === undefined) return settled(patch) as Json[];
		return this.listField(before, patch, field, false);
	}

	private listOf(value: Json | undefined): Json[] | undefined {
		if (value === undefined || value === null) return undefined;
		if (!Array.isArray(value)) throw plainPatchError(`expected a []interface {}, but received a ${goKind(value)}`);
		return value;
	}

	private member(merged: JsonObject, rawKey: string, value: Json, type: TypeRef): void {
		const isDeleteList = rawKey.startsWith("$deleteFromPrimitiveList");
		if (isDeleteList && !rawKey.startsWith(DELETE_LIST_PREFIX)) throw badPrimitiveList();
		const key = isDeleteList ? rawKey.slice(DELETE_LIST_PREFIX.length) : rawKey;
		if (value === null) {
			delete merged[key];
			return;
		}
		const current = Object.hasOwn(merged, key) ? merged[key] : undefined;
		if (current === undefined || goKind(current) !== goKind(value)) {
			if (!isDeleteList) this.setAnew(merged, key, value);
			return;
		}
		if (isJsonObject(value)) {
			const field = patchField(this.schema, type, key);
			merged[key] = field.strategy === "replace" ? value : this.object(current as JsonObject, value, field.type);
		} else if (Array.isArray(value)) {
			merged[key] = this.listField(current as Json[], value, patchField(this.schema, type, key), isDeleteList);
		} else {
			setMember(merged, key, value);
		}
	}

	private setAnew(merged: JsonObject, key: string, value: Json): void {
		const fresh = settled(value);
		if (fresh === undefined) delete merged[key];
		else setMember(merged, key, fresh);
	}

	private listField(original: Json[], patch: Json[], field: PatchField, isDeleteList: boolean): Json[] {
		if (field.strategy !== "merge" && !isDeleteList) return patch;
		if (original.length === 0 && patch.length === 0) return original;
		if (!elementsAreObjects(original, patch)) {
			const gone = new Set(patch);
			if (isDeleteList) return original.filter((element) => !gone.has(element));
			return inOrder(uniqueScalars([...original, ...patch]), patch, original, "");
		}
		if (field.mergeKey === "") throw plainPatchError(`cannot merge lists without merge key for ${typeText(field.type)}`);
		const { kept, changes } = this.listDirectives(original as JsonObject[], patch as JsonObject[], field.mergeKey);
		const merged = this.mergeElements(kept, changes, field);
		return inOrder(merged, changes, kept, field.mergeKey);
	}

	/** Does what `$patch` in an element asks, and leaves the plain changes. */
	private listDirectives(original: JsonObject[], patch: JsonObject[], mergeKey: string): { kept: JsonObject[]; changes: JsonObject[] } {
		const gone = new Set<string>();
		let replaces = false;
		const changes: JsonObject[] = [];
		for (const element of patch) {
			const directive = element[PATCH_DIRECTIVE];
			if (directive === undefined) {
				changes.push(element);
			} else if (directive === "delete") {
				if (!Object.hasOwn(element, mergeKey)) throw noMergeKey(element, mergeKey);
				gone.add(identityOf(element, mergeKey));
			} else if (directive === "replace") {
				replaces = true;
			} else if (directive === "merge") {
				throw plainPatchError("merging lists cannot yet be specified in the patch");
			} else {
				throw badPatchType(directive, element);
			}
		}
		if (replaces) return { kept: changes, changes: [] };
		return { kept: gone.size === 0 ? original : original.filter((other) => !gone.has(identityOf(other, mergeKey))), changes };
	}

	private mergeElements(original: readonly JsonObject[], changes: readonly JsonObject[], field: PatchField): JsonObject[] {
		const merged = [...original];
		const places = placesOf(original, field.mergeKey);
		for (const change of changes) {
			if (!Object.hasOwn(change, field.mergeKey)) throw noMergeKey(change, field.mergeKey);
			const identity = identityOf(change, field.mergeKey);
			const at = places.get(identity);
			if (at !== undefined) {
				merged[at] = this.object(merged[at] as JsonObject, change, field.type);
			} else {
				places.set(identity, merged.length);
				merged.push(settled(change) as JsonObject);
			}
		}
		return merged;
	}
}

/**
 * Applies a strategic merge patch to an object of the schema's type `typeName`; both inputs stay as they are (the result
 * shares what it did not change). Throws a StatusError with upstream's code and words.
 */
export function applyStrategicMergePatch(schema: Schema, typeName: string, original: JsonObject, patch: JsonObject): JsonObject {
	return new StrategicMerge(schema).object(original, patch, { kind: "struct", name: typeName });
}
