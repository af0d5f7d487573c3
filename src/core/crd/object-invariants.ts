/** What a schema's extensions demand beyond validation: unique items of sets and lists by key, whole embedded objects. */
import { duplicate, type FieldError, required } from "../errors/field-error.ts";
import { validateObjectMeta } from "../meta/object-meta-validation.ts";
import { isJsonObject, type Json, type JsonObject, type ObjectMeta } from "../meta/object.ts";
import { EMBEDDED_RESOURCE, type JsonSchema, LIST_MAP_KEYS, LIST_TYPE, propertyOf, valueSchemaOf } from "./json-schema.ts";
import { itemKey } from "./list-correlation.ts";

function keysOf(schema: JsonSchema, item: Json): Json {
	if (!isJsonObject(item)) return item;
	const pairs = (schema[LIST_MAP_KEYS] ?? []).filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key] as Json] as const);
	return Object.fromEntries(pairs) as JsonObject;
}

function checkUnique(list: readonly Json[], schema: JsonSchema, path: string, errors: FieldError[]): void {
	const type = schema[LIST_TYPE];
	if (type !== "set" && type !== "map") return;
	const seen = new Set<string>();
	for (const [index, item] of list.entries()) {
		const identity = type === "map" ? itemKey(schema, item) : JSON.stringify(item);
		if (seen.has(identity)) errors.push(duplicate(`${path}[${index}]`, type === "map" ? keysOf(schema, item) : item));
		seen.add(identity);
	}
}

function checkEmbedded(object: JsonObject, path: string, errors: FieldError[]): void {
	for (const name of ["apiVersion", "kind"])
		if (typeof object[name] !== "string" || object[name] === "") errors.push(required(`${path}.${name}`, "must not be empty"));
	if (!isJsonObject(object.metadata)) return;
	const found = validateObjectMeta(object.metadata as ObjectMeta, { namespaced: false }, `${path}.metadata`);
	const unnamed = new Set([`${path}.metadata.name`, `${path}.metadata.namespace`]);
	errors.push(...found.filter(({ type, field }) => !unnamed.has(field) || (type !== "FieldValueRequired" && type !== "FieldValueForbidden")));
}

/** Adds what is wrong, all the way down; the root itself is no embedded object. */
export function checkInvariants(value: Json, schema: JsonSchema, errors: FieldError[], path = ""): void {
	if (Array.isArray(value)) {
		checkUnique(value, schema, path, errors);
		if (schema.items) for (const [index, item] of value.entries()) checkInvariants(item, schema.items, errors, `${path}[${index}]`);
		return;
	}
	if (!isJsonObject(value)) return;
	if (schema[EMBEDDED_RESOURCE]) checkEmbedded(value, path, errors);
	const valueSchema = valueSchemaOf(schema);
	for (const name of Object.keys(value)) {
		const below = propertyOf(schema, name) ?? valueSchema;
		if (below) checkInvariants(value[name] as Json, below, errors, path === "" ? name : `${path}.${name}`);
	}
}
