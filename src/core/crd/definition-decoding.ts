/** Decodes a CustomResourceDefinition. The unions of a schema (items, additionalProperties) are no types of the table: what they hold is decoded here. */
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import { decodeObject } from "../schema/decode.ts";

const DEFINITION = "apiextensions/v1.CustomResourceDefinition";
const JSON_SCHEMA = "apiextensions/v1.JSONSchemaProps";
/** What an error calls the thing that does not decode. */
const NAMED = { kind: "CustomResourceDefinition", version: "v1", defaults: false };
const UNIONS = ["items", "additionalProperties", "additionalItems"];
const LISTS = ["allOf", "anyOf", "oneOf"];
const MAPS = ["properties", "patternProperties", "definitions"];

const UNKNOWN = /^unknown field "(.*)"$/s;

class SchemaDecoder {
	readonly unknownFields: string[] = [];

	/** Replaces, all the way down, what stands in a union by what it decodes to. Mutates. */
	schema(schema: JsonObject, path: string): void {
		for (const name of UNIONS) if (isJsonObject(schema[name])) schema[name] = this.#decoded(schema[name], `${path}.${name}`);
		for (const name of LISTS) for (const [index, each] of ((schema[name] ?? []) as JsonObject[]).entries()) this.schema(each, `${path}.${name}[${index}]`);
		for (const name of MAPS)
			for (const [key, each] of Object.entries((schema[name] ?? {}) as JsonObject)) this.schema(each as JsonObject, `${path}.${name}.${key}`);
		if (isJsonObject(schema.not)) this.schema(schema.not, `${path}.not`);
	}

	#decoded(value: JsonObject, path: string): JsonObject {
		const { object, unknownFields } = decodeObject(builtinSchema, JSON_SCHEMA, value, NAMED);
		for (const complaint of unknownFields)
			this.unknownFields.push(`unknown field ${JSON.stringify(`${path}.${JSON.parse(`"${UNKNOWN.exec(complaint)?.[1] ?? ""}"`)}`)}`);
		this.schema(object, path);
		return object;
	}
}

/** As decodeObject. Throws 400. */
export function decodeDefinition(value: JsonObject): { object: JsonObject; unknownFields: string[] } {
	const { object, unknownFields } = decodeObject(builtinSchema, DEFINITION, value);
	const decoder = new SchemaDecoder();
	const versions = (object.spec as { versions?: { schema?: { openAPIV3Schema?: Json } }[] | null } | undefined)?.versions ?? [];
	for (const [index, { schema }] of versions.entries())
		if (isJsonObject(schema?.openAPIV3Schema)) decoder.schema(schema.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`);
	return { object, unknownFields: [...unknownFields, ...decoder.unknownFields] };
}
