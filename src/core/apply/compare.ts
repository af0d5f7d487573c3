/** What differs between two versions of an object, as sets of field paths (structured-merge-diff TypedValue.Compare). */
import type { Json, JsonObject } from "../meta/object.ts";
import { jsonEqual } from "../meta/equality.ts";
import type { Schema } from "../schema/types.ts";
import { fieldElement, type FieldSet, LEAF, makeNode } from "./fields-v1.ts";
import { fits, impliedValue, isEmptyValue, itemElement, memberShape, type Shape, shapeOfType } from "./shape.ts";

/** `changed` holds what was added or modified. */
export interface Delta {
	changed: FieldSet | undefined;
	removed: FieldSet | undefined;
}

/** Fields left out of a comparison, by name; `true` for the whole field. */
export interface Ignored {
	readonly [field: string]: true | Ignored;
}

const CHANGED_LEAF: Delta = { changed: LEAF, removed: undefined };
const REMOVED_LEAF: Delta = { changed: undefined, removed: LEAF };

/** Gathers the children's differences; makes nothing while there are none. */
class DeltaBuilder {
	private changed: Record<string, FieldSet> | undefined;
	private removed: Record<string, FieldSet> | undefined;

	add(element: string, delta: Delta | undefined): void {
		if (delta === undefined) return;
		if (delta.changed !== undefined) (this.changed ??= {})[element] = delta.changed;
		if (delta.removed !== undefined) (this.removed ??= {})[element] = delta.removed;
	}

	/** `added` and `dropped` say that the parent itself is new or gone. */
	build(added: boolean, dropped: boolean): Delta | undefined {
		const changed = this.changed || added ? makeNode(added, this.changed ?? {}) : undefined;
		const removed = this.removed || dropped ? makeNode(dropped, this.removed ?? {}) : undefined;
		return changed === undefined && removed === undefined ? undefined : { changed, removed };
	}
}

function leafDelta(left: Json | undefined, right: Json | undefined): Delta | undefined {
	if (left === undefined) return right === undefined ? undefined : CHANGED_LEAF;
	if (right === undefined) return REMOVED_LEAF;
	return jsonEqual(left, right) ? undefined : CHANGED_LEAF;
}

const NO_MEMBERS: JsonObject = {};

class Comparer {
	private readonly schema: Schema;

	constructor(schema: Schema) {
		this.schema = schema;
	}

	compare(shape: Shape, left: Json | undefined, right: Json | undefined): Delta | undefined {
		if (left === right) return undefined;
		if (shape.kind === "leaf" || (isEmptyValue(left) && isEmptyValue(right)) || !fits(shape, left) || !fits(shape, right)) return leafDelta(left, right);
		if (shape.kind === "struct" || shape.kind === "map") return this.members(shape, left, right);
		return this.items(shape, left as Json[] | null | undefined, right as Json[] | null | undefined);
	}

	members(shape: Shape, left: Json | undefined, right: Json | undefined, ignored?: Ignored): Delta | undefined {
		const builder = new DeltaBuilder();
		const leftMembers = (left ?? NO_MEMBERS) as JsonObject;
		const rightMembers = (right ?? NO_MEMBERS) as JsonObject;
		const fields = shape.kind === "struct" ? shape.fields : undefined;
		const visit = (name: string, l: Json | undefined, r: Json | undefined): void => {
			const skip = ignored?.[name];
			if (skip === true) return;
			const field = fields?.get(name);
			const leftValue = l === undefined && left !== undefined ? impliedValue(field) : l;
			const rightValue = r === undefined && right !== undefined ? impliedValue(field) : r;
			const child = memberShape(this.schema, shape, name);
			if (child === undefined) return;
			const delta = skip !== undefined ? this.members(child, leftValue, rightValue, skip) : this.compare(child, leftValue, rightValue);
			builder.add(fieldElement(name), delta);
		};
		for (const name in rightMembers) visit(name, Object.hasOwn(leftMembers, name) ? leftMembers[name] : undefined, rightMembers[name]);
		for (const name in leftMembers) if (!Object.hasOwn(rightMembers, name)) visit(name, leftMembers[name], undefined);
		return builder.build(left === undefined, right === undefined);
	}

	private items(shape: Shape & { kind: "set" | "keyed" }, left: Json[] | null | undefined, right: Json[] | null | undefined): Delta | undefined {
		const leftItems = this.byElement(shape, left ?? []);
		const rightItems = this.byElement(shape, right ?? []);
		// An item without keys cannot be named: the list counts as a whole.
		if (leftItems === undefined || rightItems === undefined) return leafDelta(left, right);
		const builder = new DeltaBuilder();
		for (const [element, items] of rightItems) builder.add(element, this.item(shape, leftItems.get(element), items));
		for (const [element, items] of leftItems) if (!rightItems.has(element)) builder.add(element, this.item(shape, items, undefined));
		return builder.build(left === undefined, right === undefined);
	}

	private item(shape: Shape & { kind: "set" | "keyed" }, left: Json[] | undefined, right: Json[] | undefined): Delta | undefined {
		const isRepeated = (left?.length ?? 0) > 1 || (right?.length ?? 0) > 1;
		if (isRepeated) return left === undefined ? CHANGED_LEAF : right === undefined ? REMOVED_LEAF : jsonEqual(left, right) ? undefined : CHANGED_LEAF;
		if (shape.kind === "set") return leafDelta(left?.[0], right?.[0]);
		return this.compare(shapeOfType(this.schema, shape.element), left?.[0], right?.[0]);
	}

	private byElement(shape: Shape, items: readonly Json[]): Map<string, Json[]> | undefined {
		const found = new Map<string, Json[]>();
		for (const item of items) {
			const element = itemElement(this.schema, shape, item);
			if (element === undefined) return undefined;
			const same = found.get(element);
			if (same) same.push(item);
			else found.set(element, [item]);
		}
		return found;
	}
}

/**
 * The paths that differ between two versions of an object of the schema's type. An absent old object counts as an empty
 * one, as a Go value of the type would be. `undefined` when nothing differs.
 */
export function compareObjects(schema: Schema, typeName: string, old: JsonObject | undefined, next: JsonObject, ignored: Ignored): Delta | undefined {
	const shape = shapeOfType(schema, { kind: "struct", name: typeName });
	return new Comparer(schema).members(shape, old ?? NO_MEMBERS, next, ignored);
}
