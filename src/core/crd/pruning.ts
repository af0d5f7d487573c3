/** Takes out of an object what its schema does not specify (apiextensions-apiserver pkg/apiserver/schema/pruning). */
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import { EMBEDDED_RESOURCE, type JsonSchema, OBJECT_HEAD, PRESERVE_UNKNOWN, propertyOf, setOwn, valueSchemaOf } from "./json-schema.ts";

/** A copy of the value without what the schema does not know; `unknown` collects the paths of that. `isResource` keeps apiVersion, kind and metadata. */
export function pruned(value: Json, schema: JsonSchema, unknown: string[], path = "", isResource = false): Json {
	if (Array.isArray(value)) return value.map((item, index) => prunedChild(item, schema.items, unknown, `${path}[${index}]`, schema));
	if (!isJsonObject(value)) return value;
	const keepsHead = isResource || schema[EMBEDDED_RESOURCE] === true;
	const out: JsonObject = {};
	for (const key of Object.keys(value)) {
		const item = value[key] as Json;
		const itemPath = path === "" ? key : `${path}.${key}`;
		const property = propertyOf(schema, key) ?? valueSchemaOf(schema);
		if (keepsHead && OBJECT_HEAD.has(key)) setOwn(out, key, structuredClone(item));
		else if (property !== undefined) setOwn(out, key, pruned(item, property, unknown, itemPath));
		else if (schema[PRESERVE_UNKNOWN] || schema.additionalProperties === true) setOwn(out, key, structuredClone(item));
		else unknown.push(itemPath);
	}
	return out;
}

/** A list without a schema of its items is one of unknown content. */
function prunedChild(item: Json, schema: JsonSchema | undefined, unknown: string[], path: string, parent: JsonSchema): Json {
	if (schema !== undefined) return pruned(item, schema, unknown, path);
	return parent[PRESERVE_UNKNOWN] ? structuredClone(item) : pruned(item, {}, unknown, path);
}
