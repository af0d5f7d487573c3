/** The schema of a custom kind as apply sees it: the same structures as those of the built-in types, from the definition's schema. */
import { builtinSchema } from "../schema/builtin-schema.ts";
import type { FieldInfo, Schema, StructType, TypeRef } from "../schema/types.ts";
import { EMBEDDED_RESOURCE, INT_OR_STRING, type JsonSchema, LIST_MAP_KEYS, LIST_TYPE, MAP_TYPE, PRESERVE_UNKNOWN, valueSchemaOf } from "./json-schema.ts";

const ANY: TypeRef = { kind: "any" };
const STRING: TypeRef = { kind: "string" };
const SCALARS: Readonly<Record<string, TypeRef>> = { string: STRING, boolean: { kind: "boolean" }, integer: { kind: "int64" }, number: { kind: "double" } };
const OBJECT_META: TypeRef = { kind: "struct", name: "meta/v1.ObjectMeta" };

class StructBuilder {
	readonly structs = new Map<string, StructType>();

	struct(name: string, schema: JsonSchema, isResource: boolean): TypeRef {
		const fields = new Map<string, FieldInfo>();
		for (const [property, below] of Object.entries(schema.properties ?? {})) fields.set(property, this.#field(`${name}.${property}`, property, below));
		if (isResource || schema[EMBEDDED_RESOURCE]) {
			for (const head of ["apiVersion", "kind"]) fields.set(head, { name: head, type: STRING, required: false, pointer: true });
			// A Go struct by value: there, though empty, when it is left out.
			fields.set("metadata", { name: "metadata", type: OBJECT_META, required: false, pointer: !isResource });
		}
		this.structs.set(name, {
			name,
			fields,
			...(schema[PRESERVE_UNKNOWN] ? { preserveUnknown: true } : {}),
			...(schema[MAP_TYPE] === "atomic" ? { structType: "atomic" as const } : {}),
		});
		return { kind: "struct", name };
	}

	#field(name: string, property: string, schema: JsonSchema): FieldInfo {
		const listType = schema[LIST_TYPE];
		return {
			name: property,
			type: this.#type(name, schema),
			required: false,
			// Absence and the empty value differ.
			pointer: true,
			...(listType === "set" || listType === "map" ? { listType } : {}),
			...(listType === "map" ? { listMapKeys: schema[LIST_MAP_KEYS] ?? [] } : {}),
			...(schema[MAP_TYPE] === "atomic" ? { mapType: "atomic" as const } : {}),
			...(schema.default === undefined ? {} : { default: schema.default }),
		};
	}

	#type(name: string, schema: JsonSchema): TypeRef {
		if (schema[INT_OR_STRING]) return ANY;
		if (schema.type === "array") return { kind: "list", element: schema.items ? this.#type(`${name}[]`, schema.items) : ANY };
		if (schema.type !== "object") return SCALARS[schema.type ?? ""] ?? ANY;
		const values = valueSchemaOf(schema);
		if (values) return { kind: "map", value: this.#type(`${name}{}`, values) };
		if (schema.properties || schema[EMBEDDED_RESOURCE]) return this.struct(name, schema, false);
		// An object of unknown members is owned member by member.
		return schema[PRESERVE_UNKNOWN] || schema.additionalProperties === true ? { kind: "map", value: ANY } : this.struct(name, schema, false);
	}
}

/** Its struct `typeName` is the kind's; the types of metadata are the built-in ones. */
export function customSchema(typeName: string, schema: JsonSchema): Schema {
	let structs: ReadonlyMap<string, StructType> | undefined;
	return {
		struct(name) {
			if (structs === undefined) {
				const builder = new StructBuilder();
				builder.struct(typeName, schema, true);
				structs = builder.structs;
			}
			return structs.get(name) ?? builtinSchema.struct(name);
		},
	};
}

/** What every object's head decodes by: the rest of a custom object is for its own schema. */
export function headSchema(typeName: string): Schema {
	const fields = new Map<string, FieldInfo>();
	for (const name of ["apiVersion", "kind"]) fields.set(name, { name, type: STRING, required: false, pointer: false, goType: "string" });
	fields.set("metadata", { name: "metadata", type: OBJECT_META, required: true, pointer: false, goType: "v1.ObjectMeta" });
	const head: StructType = { name: typeName, fields };
	return { struct: (name) => (name === typeName ? head : builtinSchema.struct(name)) };
}
