/** Fills in a schema's defaults (apiextensions-apiserver pkg/apiserver/schema/defaulting). */
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import { type JsonSchema, propertyOf, setOwn, valueSchemaOf } from "./json-schema.ts";

const isUnset = (value: Json | undefined, schema: JsonSchema): boolean => value === undefined || (value === null && !schema.nullable);

function defaultMembers(object: JsonObject, schema: JsonSchema): void {
	for (const [name, property] of Object.entries(schema.properties ?? {})) {
		const value = Object.hasOwn(object, name) ? object[name] : undefined;
		if (!isUnset(value, property)) continue;
		if (property.default !== undefined) setOwn(object, name, structuredClone(property.default));
		else if (value === null) delete object[name];
	}
}

/** A null where none may be is taken for absence: it gets the default, or goes. Mutates; idempotent. */
export function applyDefaults(value: Json, schema: JsonSchema): void {
	if (Array.isArray(value)) {
		if (schema.items) for (const item of value) applyDefaults(item, schema.items);
		return;
	}
	if (!isJsonObject(value)) return;
	defaultMembers(value, schema);
	const valueSchema = valueSchemaOf(schema);
	for (const name of Object.keys(value)) {
		const below = propertyOf(schema, name) ?? valueSchema;
		if (below) applyDefaults(value[name] as Json, below);
	}
}
