/** Where a configuration speaks of something that is replaced as a whole: who means to change a part of it would remove the rest. */
import type { Json, JsonObject } from "../meta/object.ts";
import type { Schema } from "../schema/types.ts";
import { fieldElement, pathText } from "./fields-v1.ts";
import { itemElement, memberShape, type Shape, shapeOfType } from "./shape.ts";

/** The paths of lists, maps and structs in `value` that are atomic. */
export function findAtomics(schema: Schema, shape: Shape, value: Json, path: readonly string[] = []): string[] {
	if (typeof value !== "object" || value === null) return [];
	if (shape.kind === "leaf") return [pathText(path)];
	if (Array.isArray(value)) {
		if (shape.kind !== "keyed") return [];
		const below = shapeOfType(schema, shape.element);
		return value.flatMap((item) => findAtomics(schema, below, item, [...path, itemElement(schema, shape, item) ?? ""]));
	}
	return Object.entries(value as JsonObject).flatMap(([name, child]) => {
		const below = memberShape(schema, shape, name);
		return below === undefined ? [] : findAtomics(schema, below, child, [...path, fieldElement(name)]);
	});
}
