/**
 * The generated table of built-in types, read one type at a time when it is first asked for: what Go declares, before
 * inlined structs are flattened. The schema, the protobuf codec and OpenAPI are three views of it.
 */
import type { Json } from "../meta/object.ts";
import table from "./kubernetes-1.36.json" with { type: "json" };
import type { FieldInfo, TypeRef } from "./types.ts";

/** One field as Go declares it. */
export interface GoField {
	/** The JSON name; "" for an inlined struct. */
	name: string;
	/** With packages as the schema spells them: "*[]core/v1.Container". */
	goType: string;
	pointer: boolean;
	/** Protobuf's field number; 0 where the field is not part of the message. */
	number: number;
	omitEmpty: boolean;
	omitZero: boolean;
	/** `+optional` or `+required` stands over it. */
	markedOptional: boolean;
	markedRequired: boolean;
	marks: Pick<FieldInfo, "listType" | "listMapKeys" | "mapType" | "structType" | "patchStrategy" | "patchMergeKey" | "default">;
}

export interface GoStruct {
	name: string;
	structType?: "atomic" | "granular";
	fields: readonly GoField[];
}

interface Table {
	groups: Record<string, string>;
	aliases: Record<string, string>;
	enums: Record<string, string[]>;
	types: Record<string, string>;
}
const { groups, aliases, enums, types } = table as Table;

const LEAVES: Record<string, TypeRef> = {
	string: { kind: "string" },
	"types.UID": { kind: "string" },
	bool: { kind: "boolean" },
	int32: { kind: "int32" },
	int64: { kind: "int64" },
	float64: { kind: "double" },
	"[]byte": { kind: "bytes" },
	"resource.Quantity": { kind: "quantity" },
	"meta/v1.Time": { kind: "time" },
	"meta/v1.MicroTime": { kind: "microTime" },
	"meta/v1.Duration": { kind: "duration" },
	"time.Time": { kind: "time" },
	"time.Duration": { kind: "duration" },
	"intstr.IntOrString": { kind: "intOrString" },
	"meta/v1.FieldsV1": { kind: "fieldsV1" },
	"runtime.RawExtension": { kind: "any" },
	"watch.Event": { kind: "any" },
	"interface{}": { kind: "any" },
	// Unions that Go marshals by hand.
	"apiextensions/v1.JSON": { kind: "any" },
	"apiextensions/v1.JSONSchemaPropsOrArray": { kind: "any" },
	"apiextensions/v1.JSONSchemaPropsOrBool": { kind: "any" },
	"apiextensions/v1.JSONSchemaPropsOrStringArray": { kind: "any" },
};

export const MAP_TYPE: RegExp = /^map\[[^\]]+\]/;

/** Follows named types to what they stand for: "core/v1.ResourceList" to "map[core/v1.ResourceName]resource.Quantity". */
export function underlyingType(goType: string): string {
	let result = goType;
	for (let target = aliases[result]; target !== undefined; target = aliases[result]) result = target;
	return result;
}

/** Whether a named type wraps a plain list: protobuf makes it a message of its own (Verbs, ExtraValue). */
export const isNamedList = (goType: string): boolean => aliases[goType]?.startsWith("[]") ?? false;

export function typeRefOf(goType: string): TypeRef {
	const type = underlyingType(goType);
	const leaf = LEAVES[type];
	if (leaf) return leaf;
	if (type.startsWith("*")) return typeRefOf(type.slice(1));
	if (type.startsWith("[]")) return { kind: "list", element: typeRefOf(type.slice(2)) };
	const map = MAP_TYPE.exec(type);
	if (map) return { kind: "map", value: typeRefOf(type.slice(map[0].length)) };
	return { kind: "struct", name: type };
}

/** The values of an enumeration (`+enum`), also when it is a pointer to one or a list of them. */
export function enumValuesOf(goType: string): readonly string[] | undefined {
	return enums[goType.replace(/^(\*|\[\])+/, "")];
}

type Marks = GoField["marks"];

function readMark(marks: Marks, text: string): void {
	const at = text.indexOf("=");
	const key = text.slice(0, at);
	const value = text.slice(at + 1);
	const [head = "", tail] = value.split(":");
	if (key === "default") marks.default = JSON.parse(value) as Json;
	else if (key === "map") marks.mapType = value as Marks["mapType"];
	else if (key === "struct") marks.structType = value as Marks["structType"];
	else if (key === "list") {
		marks.listType = head as Marks["listType"];
		if (tail !== undefined) marks.listMapKeys = tail.split(",");
	} else if (key === "patch") {
		marks.patchStrategy = head.split(",") as Marks["patchStrategy"];
		if (tail !== undefined) marks.patchMergeKey = tail;
	}
}

function readField(line: string): GoField {
	const [name = "", goType = "", number = "", flags = "", ...rest] = line.split(" ");
	const marks: Marks = {};
	for (const text of rest) readMark(marks, text);
	return {
		name: name === "+" ? "" : name,
		goType,
		pointer: goType.startsWith("*"),
		number: Number(number),
		omitEmpty: flags.includes("e"),
		omitZero: flags.includes("z"),
		markedOptional: flags.includes("o"),
		markedRequired: flags.includes("r"),
		marks,
	};
}

const read = new Map<string, GoStruct>();

/** The struct as Go declares it. Throws when there is none of the name: a programming error. */
export function goStruct(name: string): GoStruct {
	const known = read.get(name);
	if (known) return known;
	const target = underlyingType(name);
	const text = Object.hasOwn(types, target) ? types[target] : undefined;
	if (text === undefined) throw new Error(`the schema has no type ${name}`);
	const lines = text === "" ? [] : text.split("\n");
	const struct: GoStruct = { name: target, fields: [] };
	if (lines[0]?.startsWith("struct=")) struct.structType = lines.shift()?.slice("struct=".length) as GoStruct["structType"];
	struct.fields = lines.map(readField);
	read.set(name, struct);
	return struct;
}

export const hasGoStruct = (name: string): boolean => Object.hasOwn(types, underlyingType(name));

/** "apps/v1.Deployment" for group "apps", version "v1", kind "Deployment"; undefined when the table has no such type. */
export function builtinTypeName(group: string, version: string, kind: string): string | undefined {
	for (const [owner, ownerGroup] of Object.entries(groups)) {
		const name = `${owner}.${kind}`;
		if (ownerGroup === group && owner.endsWith(`/${version}`) && hasGoStruct(name)) return name;
	}
	// The options and Status are registered in every group's version (metav1.AddToGroupVersion).
	return OPTION_KINDS.has(kind) ? `meta/v1.${kind}` : undefined;
}

const OPTION_KINDS = new Set([
	"Status",
	"DeleteOptions",
	"ListOptions",
	"GetOptions",
	"CreateOptions",
	"UpdateOptions",
	"PatchOptions",
	"ApplyOptions",
	"WatchEvent",
	"TableOptions",
]);

/** The API group of a type's package: "rbac.authorization.k8s.io" for "rbac/v1.Role". */
export const groupOfType = (name: string): string => groups[name.slice(0, name.indexOf("."))] ?? "";
