/** How server-side apply sees a field: whole (a leaf), or by its members; from the schema's list, map and struct types. */
import { isJsonObject, type Json } from "../meta/object.ts";
import type { FieldInfo, Schema, TypeRef } from "../schema/types.ts";
import { keyElement, valueElement } from "./fields-v1.ts";

export type Shape =
	| { kind: "leaf" }
	| { kind: "struct"; fields: ReadonlyMap<string, FieldInfo>; name: string; preservesUnknown: boolean }
	| { kind: "map"; value: TypeRef }
	| { kind: "set" }
	| { kind: "keyed"; keys: readonly string[]; element: TypeRef };

const LEAF_SHAPE: Shape = { kind: "leaf" };
const SET_SHAPE: Shape = { kind: "set" };
const ANY: TypeRef = { kind: "any" };
/** A value without a declared type, where upstream deduces: objects by their members, lists and scalars whole. */
export const DEDUCED: Shape = { kind: "map", value: ANY };

function structShape(schema: Schema, name: string, structType: FieldInfo["structType"]): Shape {
	const struct = schema.struct(name);
	if ((structType ?? struct.structType) === "atomic") return LEAF_SHAPE;
	return { kind: "struct", fields: struct.fields, name, preservesUnknown: struct.preserveUnknown === true };
}

function computeShape(schema: Schema, type: TypeRef, marks: FieldInfo | undefined): Shape {
	switch (type.kind) {
		case "struct":
			// A map type on a struct's field says the same as a struct type.
			return structShape(schema, type.name, marks?.structType ?? marks?.mapType);
		case "map":
			return (marks?.mapType ?? marks?.structType) === "atomic" ? LEAF_SHAPE : { kind: "map", value: type.value };
		case "list":
			if (marks?.listType === "set") return SET_SHAPE;
			return marks?.listType === "map" ? { kind: "keyed", keys: marks.listMapKeys ?? [], element: type.element } : LEAF_SHAPE;
		default:
			return LEAF_SHAPE;
	}
}

const fieldShapes = new WeakMap<FieldInfo, Shape>();

/** The field's shape. */
export function shapeOfField(schema: Schema, field: FieldInfo): Shape {
	let shape = fieldShapes.get(field);
	if (shape === undefined) {
		shape = computeShape(schema, field.type, field);
		fieldShapes.set(field, shape);
	}
	return shape;
}

/** The shape of an element or of a map's value, which carry no marks of their own. */
export const shapeOfType = (schema: Schema, type: TypeRef): Shape => computeShape(schema, type, undefined);

/** The member's shape; undefined when the struct declares no such field. */
export function memberShape(schema: Schema, shape: Shape, name: string): Shape | undefined {
	if (shape.kind === "map") return shape.value.kind === "any" ? DEDUCED : shapeOfType(schema, shape.value);
	if (shape.kind !== "struct") return undefined;
	const field = shape.fields.get(name);
	if (field !== undefined) return shapeOfField(schema, field);
	return shape.preservesUnknown ? DEDUCED : undefined;
}

/** Whether there is nothing in it: absent, null, an empty object or an empty list. */
export function isEmptyValue(value: Json | undefined): boolean {
	if (value === undefined || value === null) return true;
	if (typeof value !== "object") return false;
	if (Array.isArray(value)) return value.length === 0;
	for (const _ in value) return false;
	return true;
}

/** Whether the value can be taken apart as the shape says; else it is compared and owned whole. */
export function fits(shape: Shape, value: Json | undefined): boolean {
	if (value === undefined || value === null) return true;
	if (shape.kind === "struct" || shape.kind === "map") return isJsonObject(value);
	return Array.isArray(value);
}

/**
 * The path element of a list's item. Keys left out take their default (a port's protocol). `undefined` when the item has
 * none of the keys or is no object.
 */
export function itemElement(schema: Schema, shape: Shape, item: Json): string | undefined {
	if (shape.kind === "set") return valueElement(item);
	if (shape.kind !== "keyed" || !isJsonObject(item)) return undefined;
	const fields = shape.element.kind === "struct" ? schema.struct(shape.element.name).fields : undefined;
	const pairs: [string, unknown][] = [];
	for (const key of shape.keys) {
		const value = Object.hasOwn(item, key) ? item[key] : fields?.get(key)?.default;
		if (value !== undefined) pairs.push([key, value]);
	}
	return pairs.length > 0 ? keyElement(pairs) : undefined;
}

/** What Go has for a field that the JSON leaves out: an embedded struct is there, a required field has its zero. */
export function impliedValue(field: FieldInfo | undefined): Json | undefined {
	if (field === undefined || field.pointer) return undefined;
	if (field.type.kind === "struct") return {};
	// A zero time is written as null by some clients and left out by others.
	if (field.type.kind === "time" || field.type.kind === "microTime") return null;
	if (!field.required) return undefined;
	switch (field.type.kind) {
		case "string":
			return "";
		case "boolean":
			return false;
		case "int32":
		case "int64":
		case "double":
			return 0;
		default:
			return null;
	}
}
