/** Which item of an old list a new list's item was: told by the keys of lists by key, and by nothing else. */
import { isJsonObject, type Json } from "../meta/object.ts";
import { type JsonSchema, LIST_MAP_KEYS, LIST_TYPE, propertyOf } from "./json-schema.ts";

/** What makes two items of a list by key the same one; defaults stand in for absent keys. */
export function itemKey(schema: JsonSchema, item: Json): string {
	if (!isJsonObject(item)) return JSON.stringify(item);
	const keys = schema[LIST_MAP_KEYS] ?? [];
	return JSON.stringify(keys.map((key) => (Object.hasOwn(item, key) ? item[key] : ((schema.items && propertyOf(schema.items, key))?.default ?? null))));
}

/** For each item of the list the old one, where there was one; undefined when nothing can be told. */
export function correlatedItems(schema: JsonSchema, list: readonly Json[], old: Json | undefined): (Json | undefined)[] | undefined {
	if (schema[LIST_TYPE] !== "map" || !Array.isArray(old)) return undefined;
	const byKey = new Map(old.map((item) => [itemKey(schema, item), item]));
	return list.map((item) => byKey.get(itemKey(schema, item)));
}
