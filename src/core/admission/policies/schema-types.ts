/** The types of kinds as expressions see them, for the checks of a policy against what it matches. */
import { BOOL, BYTES, type CelType, DOUBLE, DYN, INT, listOf, mapOf, type ObjectType, STRING, TIMESTAMP } from "../../cel/types.ts";
import { celName } from "../../crd/rule-types.ts";
import type { Schema, TypeRef } from "../../schema/types.ts";

const LEAVES: Readonly<Partial<Record<TypeRef["kind"], CelType>>> = {
	string: STRING,
	boolean: BOOL,
	int32: INT,
	int64: INT,
	double: DOUBLE,
	bytes: BYTES,
	time: TIMESTAMP,
	microTime: TIMESTAMP,
	duration: STRING,
	quantity: DYN,
	intOrString: DYN,
};

function celTypeOf(schema: Schema, type: TypeRef, name: string): CelType {
	if (type.kind === "list") return listOf(celTypeOf(schema, type.element, `${name}.@items`));
	if (type.kind === "map") return mapOf(STRING, celTypeOf(schema, type.value, `${name}.@values`));
	if (type.kind === "struct") return structTypeOf(schema, type.name, name);
	return LEAVES[type.kind] ?? DYN;
}

/** The type of an object; its fields are looked up when they are asked for. */
export function structTypeOf(schema: Schema, structName: string, name: string): ObjectType {
	const known = new Map<string, CelType | undefined>();
	return {
		kind: "object",
		name,
		field(field) {
			if (!known.has(field)) {
				const { fields, preserveUnknown } = schema.struct(structName);
				const info = [...fields.values()].find((each) => celName(each.name) === field);
				known.set(field, info ? celTypeOf(schema, info.type, `${name}.${field}`) : preserveUnknown ? DYN : undefined);
			}
			return known.get(field);
		},
	};
}
