/** JSON Merge Patch (RFC 7386). */
import { badRequest } from "../errors/status-error.ts";
import type { Json, JsonObject } from "../meta/object.ts";

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** RFC 7386's MergePatch(target, patch): a new value; neither input is changed. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
	if (!isObject(patch)) return patch;
	const merged = new Map<string, Json>(isObject(target) ? Object.entries(target) : []);
	for (const [name, value] of Object.entries(patch)) {
		if (value === null) merged.delete(name);
		else merged.set(name, mergePatch(merged.get(name), value));
	}
	// fromEntries defines members, so that one called __proto__ stays a member.
	return Object.fromEntries(merged);
}

/** Applies a merge patch to an object. Throws a 400 StatusError when the patch is no JSON object. */
export function applyMergePatch(document: JsonObject, patch: Json): JsonObject {
	if (!isObject(patch)) throw badRequest("Invalid JSON Patch");
	return mergePatch(document, patch) as JsonObject;
}
