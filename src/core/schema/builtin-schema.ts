/** The schema of the built-in kinds: the generated table with inlined structs flattened, one type when it is asked for. */
import { enumValuesOf, type GoField, goStruct, typeRefOf } from "./builtin-table.ts";
import type { FieldInfo, Schema, StructType } from "./types.ts";

/** How Go prints the type: packages by their last part, "core/v1.Protocol" as "v1.Protocol". */
const printedGoType = (goType: string): string =>
	goType
		.replace(/^\*+/, "")
		.replace(/\b[a-z]+\/(v\d+)\./g, "$1.")
		.replaceAll("[]byte", "[]uint8");

/** Go leaves a struct in its place under omitempty; only omitzero drops it. */
function alwaysPrinted(field: GoField, info: FieldInfo): boolean {
	if (field.pointer || field.omitZero) return false;
	if (!field.omitEmpty) return true;
	const { kind } = info.type;
	return (
		kind === "struct" ||
		kind === "time" ||
		kind === "microTime" ||
		kind === "quantity" ||
		kind === "intOrString" ||
		(kind === "any" && field.goType === "runtime.RawExtension")
	);
}

function fieldInfo(field: GoField): FieldInfo {
	const info: FieldInfo = {
		name: field.name,
		type: typeRefOf(field.goType),
		required: false,
		pointer: field.pointer,
		goType: printedGoType(field.goType),
		...field.marks,
	};
	info.required = alwaysPrinted(field, info);
	if (field.pointer && !field.omitEmpty) info.nullWhenAbsent = true;
	const enumValues = enumValuesOf(field.goType);
	if (enumValues) info.enumValues = enumValues;
	return info;
}

/** A field of an inlined struct has no protobuf number of its own: there the struct is a message. */
function addFields(target: Map<string, FieldInfo>, name: string, owner: string): void {
	for (const field of goStruct(name).fields) {
		if (field.name !== "") target.set(field.name, { ...fieldInfo(field), ...(name === owner && field.number > 0 ? { protobuf: field.number } : {}) });
		else {
			const type = typeRefOf(field.goType);
			if (type.kind === "struct") addFields(target, type.name, owner);
		}
	}
}

const structs = new Map<string, StructType>();

export const builtinSchema: Schema = {
	struct(name) {
		const known = structs.get(name);
		if (known) return known;
		const declared = goStruct(name);
		const fields = new Map<string, FieldInfo>();
		addFields(fields, name, name);
		const struct: StructType = { name: declared.name, fields, ...(declared.structType ? { structType: declared.structType } : {}) };
		structs.set(name, struct);
		return struct;
	},
};
