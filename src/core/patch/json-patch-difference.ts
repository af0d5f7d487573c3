/** The JSON Patch (RFC 6902) that leads from one value to another: lists are compared place by place, after what begins and ends alike. */
import type { Json, JsonObject } from "../meta/object.ts";
import { jsonEqual } from "../meta/equality.ts";

export type PatchOperation = { op: "add" | "replace"; path: string; value: Json } | { op: "remove"; path: string };

const pointerPart = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");
const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

export function jsonPatchBetween(from: Json, to: Json, path = ""): PatchOperation[] {
	if (jsonEqual(from, to)) return [];
	if (isObject(from) && isObject(to)) return objectDifference(from, to, path);
	if (Array.isArray(from) && Array.isArray(to)) return listDifference(from, to, path);
	return [{ op: "replace", path, value: to }];
}

function objectDifference(from: JsonObject, to: JsonObject, path: string): PatchOperation[] {
	const operations: PatchOperation[] = [];
	for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) operations.push({ op: "remove", path: `${path}/${pointerPart(key)}` });
	for (const [key, value] of Object.entries(to)) {
		const at = `${path}/${pointerPart(key)}`;
		if (Object.hasOwn(from, key)) operations.push(...jsonPatchBetween(from[key] as Json, value as Json, at));
		else operations.push({ op: "add", path: at, value: value as Json });
	}
	return operations;
}

function listDifference(from: readonly Json[], to: readonly Json[], path: string): PatchOperation[] {
	const shorter = Math.min(from.length, to.length);
	let head = 0;
	while (head < shorter && jsonEqual(from[head] as Json, to[head] as Json)) head++;
	let tail = 0;
	while (tail < shorter - head && jsonEqual(from[from.length - 1 - tail] as Json, to[to.length - 1 - tail] as Json)) tail++;
	const [removed, added] = [from.slice(head, from.length - tail), to.slice(head, to.length - tail)];
	const common = Math.min(removed.length, added.length);
	const operations: PatchOperation[] = [];
	for (let i = 0; i < common; i++) operations.push(...jsonPatchBetween(removed[i] as Json, added[i] as Json, `${path}/${head + i}`));
	for (let i = removed.length - 1; i >= common; i--) operations.push({ op: "remove", path: `${path}/${head + i}` });
	for (let i = common; i < added.length; i++) operations.push({ op: "add", path: `${path}/${head + i}`, value: added[i] as Json });
	return operations;
}
