/** What strategic merge patch reads from the schema, and the errors it answers with (apimachinery strategicpatch, mergepatch). */
import { badRequest, plainError, type StatusError } from "../errors/status-error.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import type { Schema, TypeRef } from "../schema/types.ts";
import { unprocessablePatch } from "./json-patch.ts";

export const PATCH_DIRECTIVE = "$patch";
export const RETAIN_KEYS_DIRECTIVE = "$retainKeys";
export const SET_ORDER_PREFIX = "$setElementOrder/";
export const DELETE_LIST_PREFIX = "$deleteFromPrimitiveList/";

/** How one field is merged. */
export interface PatchField {
	/** Of the field itself for an object, of one element for a list. */
	type: TypeRef;
	strategy: "merge" | "replace" | "";
	mergeKey: string;
}

/** fmt's %v of a JSON value: how upstream prints a piece of the patch. */
export function goText(value: Json | undefined): string {
	if (value === null || value === undefined) return "<nil>";
	if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
	if (typeof value !== "object") return String(value);
	const parts = Object.keys(value)
		.sort()
		.map((key) => `${key}:${goText(value[key])}`);
	return `map[${parts.join(" ")}]`;
}

/** Upstream lets these errors through as they are: code 500 and no reason, though the client is at fault. */
export const plainPatchError = plainError;
export const noMergeKey = (element: JsonObject, mergeKey: string): StatusError =>
	plainPatchError(`map: ${goText(element)} does not contain declared merge key: ${mergeKey}`);
export const badPatchType = (directive: Json | undefined, patch: JsonObject): StatusError =>
	plainPatchError(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
export const badRetainKeys = (): StatusError => badRequest("invalid patch format of retainKeys");
export const badSetOrder = (): StatusError => badRequest("invalid patch format of setElementOrder list");
export const badPrimitiveList = (): StatusError => badRequest("invalid patch format of primitive list");
export const listOfLists = (): StatusError => unprocessablePatch(new Error("lists of lists are not supported"));

const shortName = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

/** The type's name as Go has it, for messages. */
export const typeText = (type: TypeRef): string => (type.kind === "struct" ? shortName(type.name) : type.kind);

/** The field's way of merging. Throws when the type declares no such field, in upstream's words. */
export function patchField(schema: Schema, parent: TypeRef, name: string): PatchField {
	if (parent.kind !== "struct") throw plainPatchError(`merging an object in json but data type is not struct, instead is: ${typeText(parent)}`);
	const field = schema.struct(parent.name).fields.get(name);
	if (field === undefined) throw plainPatchError(`unable to find api field in struct ${typeText(parent)} for the json field ${JSON.stringify(name)}`);
	const strategies = field.patchStrategy ?? [];
	const strategy = strategies.includes("merge") ? "merge" : strategies.includes("replace") ? "replace" : "";
	return { type: field.type.kind === "list" ? field.type.element : field.type, strategy, mergeKey: field.patchMergeKey ?? "" };
}
