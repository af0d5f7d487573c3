/** An object taken apart by its schema: which fields it sets, merging another into it, taking fields out (structured-merge-diff typed). */
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import { setMember } from "../patch/json-member.ts";
import type { Schema } from "../schema/types.ts";
import { fieldElement, type FieldSet, isMember, LEAF, makeNode, pathText } from "./fields-v1.ts";
import { DEDUCED, fits, isEmptyValue, itemElement, memberShape, type Shape, shapeOfType } from "./shape.ts";

/** The shape of a whole object of the type. */
export const rootShape = (schema: Schema, typeName: string): Shape => shapeOfType(schema, { kind: "struct", name: typeName });

const itemShape = (schema: Schema, shape: Shape): Shape => (shape.kind === "keyed" ? shapeOfType(schema, shape.element) : { kind: "leaf" });

/** Whether a struct declares the member (a map's keys and an undeclared field are owned for themselves). */
const isDeclared = (shape: Shape, name: string): boolean => shape.kind === "struct" && shape.fields.has(name);

/** The set of fields that a value sets (ToFieldSet); undefined when it sets none. */
export function fieldsOf(schema: Schema, shape: Shape, value: Json): FieldSet | undefined {
	if (shape.kind === "leaf" || !fits(shape, value)) return LEAF;
	if (value === null) return undefined;
	const children: Record<string, FieldSet> = {};
	if (Array.isArray(value)) {
		for (const item of value) {
			const element = itemElement(schema, shape, item);
			if (element === undefined) return LEAF;
			const below = fieldsOf(schema, itemShape(schema, shape), item);
			children[element] = below === undefined || below === LEAF ? LEAF : (makeNode(true, withoutSelf(below)) as FieldSet);
		}
		return makeNode(false, children);
	}
	for (const [name, child] of Object.entries(value as JsonObject)) {
		const below = memberShape(schema, shape, name);
		if (below === undefined) continue;
		const set = fieldsOf(schema, below, child);
		const isOwnMember = child === null || (isJsonObject(child) && isEmptyValue(child)) || !isDeclared(shape, name);
		if (set === undefined) {
			if (isOwnMember) children[fieldElement(name)] = LEAF;
		} else {
			children[fieldElement(name)] = isOwnMember ? (makeNode(true, withoutSelf(set)) as FieldSet) : set;
		}
	}
	return makeNode(false, children);
}

function withoutSelf(set: FieldSet): Record<string, FieldSet> {
	const { ".": _, ...children } = set;
	return children;
}

/** Adds to the set each struct field that has something of the set below it (EnsureNamedFieldsAreMembers). */
export function withNamedFields(schema: Schema, shape: Shape, set: FieldSet | undefined): FieldSet | undefined {
	if (set === undefined) return undefined;
	const children: Record<string, FieldSet> = {};
	for (const [element, child] of Object.entries(withoutSelf(set))) {
		const name = element.startsWith("f:") ? element.slice(2) : undefined;
		const below = name === undefined ? itemShape(schema, shape) : (memberShape(schema, shape, name) ?? { kind: "leaf" as const });
		const filled = withNamedFields(schema, below, child) as FieldSet;
		const declared = name !== undefined && isDeclared(shape, name);
		children[element] = declared && !isMember(filled) ? (makeNode(true, withoutSelf(filled)) as FieldSet) : filled;
	}
	return makeNode(isMember(set), children);
}

/** Takes every member of the set out of the value, with all below it; undefined when nothing is left of it. */
export function removeItems(schema: Schema, shape: Shape, value: Json, set: FieldSet | undefined): Json | undefined {
	if (set === undefined || shape.kind === "leaf" || !fits(shape, value) || isEmptyValue(value)) return value;
	if (Array.isArray(value)) {
		const kept: Json[] = [];
		for (const item of value) {
			const node = set[itemElement(schema, shape, item) ?? ""];
			if (node !== undefined && isMember(node)) continue;
			const rest = removeItems(schema, itemShape(schema, shape), item, node);
			if (rest !== undefined) kept.push(rest);
		}
		return kept.length > 0 ? kept : undefined;
	}
	const kept: JsonObject = {};
	for (const [name, child] of Object.entries(value as JsonObject)) {
		const node = set[fieldElement(name)];
		if (node !== undefined && isMember(node)) continue;
		const below = memberShape(schema, shape, name);
		const rest = below === undefined ? child : removeItems(schema, below, child, node);
		if (rest !== undefined) setMember(kept, name, rest);
	}
	return isEmptyValue(kept) ? undefined : kept;
}

/** Merges `config` into `live`: what the config sets wins, member by member; lists by key keep the config's relative order. */
export function mergeValues(schema: Schema, shape: Shape, live: Json | undefined, config: Json | undefined): Json | undefined {
	if (config === undefined) return live;
	if (live === undefined || live === null) return config;
	if (shape.kind === "leaf" || !fits(shape, live) || !fits(shape, config)) return config;
	if (config === null) return live;
	if (Array.isArray(live)) return mergeItems(schema, shape, live, config as Json[]);
	const merged: JsonObject = { ...(live as JsonObject) };
	for (const [name, value] of Object.entries(config as JsonObject)) {
		const below = memberShape(schema, shape, name) ?? { kind: "leaf" as const };
		setMember(merged, name, mergeValues(schema, below, Object.hasOwn(merged, name) ? merged[name] : undefined, value) as Json);
	}
	return merged;
}

/**
 * Live items that the config does not name stay where they are relative to those before them; the named ones come in the
 * config's order.
 */
function mergeItems(schema: Schema, shape: Shape, live: readonly Json[], config: readonly Json[]): Json[] {
	const elementOf = (item: Json): string => itemElement(schema, shape, item) ?? JSON.stringify(item);
	const liveElements = live.map(elementOf);
	const configElements = config.map(elementOf);
	const liveBy = new Map(live.map((item, i) => [liveElements[i] as string, item]));
	const configSet = new Set(configElements);
	const shared = configElements.filter((element) => liveBy.has(element));
	const below = itemShape(schema, shape);
	const out: Json[] = [];
	const done = new Set<string>();
	let nextShared = 0;
	const takeConfig = (index: number): void => {
		const element = configElements[index] as string;
		out.push(mergeValues(schema, below, liveBy.get(element), config[index]) as Json);
		done.add(element);
		if (shared[nextShared] === element) nextShared++;
	};
	let l = 0;
	let c = 0;
	while (l < live.length || c < config.length) {
		const element = liveElements[l];
		if (element !== undefined && element === configElements[c]) {
			takeConfig(c++);
			l++;
		} else if (element !== undefined && c < config.length && configSet.has(element) && nextShared < shared.length && shared[nextShared] !== element) {
			// A shared item whose turn has not come: it goes where the config has it.
			l++;
		} else if (element !== undefined && !configSet.has(element)) {
			out.push(live[l++] as Json);
		} else {
			if (element !== undefined && done.has(element)) l++;
			if (c < config.length) takeConfig(c++);
			else if (element !== undefined && !done.has(element)) l++;
		}
	}
	return out;
}

/** What keeps a config from being applied: undeclared fields, list items without or with the same keys. Upstream's words. */
export function configErrors(schema: Schema, shape: Shape, value: Json, path: readonly string[] = []): string[] {
	// What is deduced fits whatever it is.
	if (shape.kind === "leaf" || shape === DEDUCED || value === null) return [];
	if (!fits(shape, value))
		return [`${pathText(path)}: expected ${shape.kind === "struct" || shape.kind === "map" ? "map" : "list"}, got ${JSON.stringify(value)}`];
	const errors: string[] = [];
	if (Array.isArray(value)) {
		const seen = new Set<string>();
		value.forEach((item, index) => {
			const element = itemElement(schema, shape, item);
			if (element === undefined) {
				const keys = shape.kind === "keyed" ? shape.keys : [];
				const what =
					keys.length === 1
						? `key field ${JSON.stringify(keys[0])} (and doesn't have default value)`
						: `all key fields [${keys.map((k) => JSON.stringify(k)).join(" ")}] (and doesn't have default values for any key fields)`;
				errors.push(`${pathText(path)}: element ${index}: associative list with keys has an element that omits ${what}`);
				return;
			}
			if (seen.has(element)) errors.push(`${pathText(path)}: duplicate entries for key ${pathText([element])}`);
			seen.add(element);
			errors.push(...configErrors(schema, itemShape(schema, shape), item, [...path, element]));
		});
		return errors;
	}
	for (const [name, child] of Object.entries(value as JsonObject)) {
		const below = memberShape(schema, shape, name);
		const childPath = [...path, fieldElement(name)];
		if (below !== undefined) errors.push(...configErrors(schema, below, child, childPath));
		else if (path.length > 0 || (name !== "apiVersion" && name !== "kind")) errors.push(`${pathText(childPath)}: field not declared in schema`);
	}
	return errors;
}
