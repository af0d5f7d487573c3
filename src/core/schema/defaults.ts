/** The defaults that the schema's own marks give (`+default=`); those that code gives are the kinds' `defaults` hooks. */
import type { Json, JsonObject } from "../meta/object.ts";
import type { FieldInfo, Schema, TypeRef } from "./types.ts";

interface DefaultPlan {
	/** Fields with a default of their own. */
	defaulted: readonly FieldInfo[];
	/** Fields under which some type has defaults. */
	descend: readonly { name: string; type: TypeRef }[];
}

const plansBySchema = new WeakMap<Schema, Map<string, DefaultPlan>>();

function structOf(type: TypeRef): string | undefined {
	if (type.kind === "list") return structOf(type.element);
	if (type.kind === "map") return structOf(type.value);
	return type.kind === "struct" ? type.name : undefined;
}

/** A default that equals the zero value of a field which drops it says nothing. */
function saysSomething(field: FieldInfo): boolean {
	if (field.default === undefined) return false;
	return field.pointer || field.required || !(field.default === "" || field.default === 0 || field.default === false);
}

/** Whether the type or one under it has defaults. A type met again on the way adds nothing. */
function hasDefaults(schema: Schema, name: string, visiting: Set<string>): boolean {
	if (visiting.has(name)) return false;
	visiting.add(name);
	for (const field of schema.struct(name).fields.values()) {
		if (saysSomething(field)) return true;
		const under = structOf(field.type);
		if (under !== undefined && hasDefaults(schema, under, visiting)) return true;
	}
	return false;
}

function planOf(schema: Schema, name: string): DefaultPlan {
	let plans = plansBySchema.get(schema);
	if (!plans) plansBySchema.set(schema, (plans = new Map()));
	let plan = plans.get(name);
	if (!plan) {
		const fields = [...schema.struct(name).fields.values()];
		const descend = fields.filter((field) => {
			const under = structOf(field.type);
			return under !== undefined && hasDefaults(schema, under, new Set());
		});
		plan = { defaulted: fields.filter(saysSomething), descend: descend.map(({ name: fieldName, type }) => ({ name: fieldName, type })) };
		plans.set(name, plan);
	}
	return plan;
}

function descendInto(schema: Schema, type: TypeRef, value: Json): void {
	if (typeof value !== "object" || value === null) return;
	if (type.kind === "struct") applySchemaDefaults(schema, type.name, value as JsonObject);
	else if (type.kind === "list") for (const item of value as Json[]) descendInto(schema, type.element, item);
	else if (type.kind === "map") for (const item of Object.values(value as JsonObject)) descendInto(schema, type.value, item);
}

/** Fills in the schema's defaults, all the way down. Mutates; idempotent; expects what decodeObject returned. */
export function applySchemaDefaults(schema: Schema, typeName: string, object: JsonObject): void {
	const plan = planOf(schema, typeName);
	for (const field of plan.defaulted) {
		const value = object[field.name];
		const unset = value === undefined || value === null || (!field.pointer && (value === "" || value === 0));
		if (unset) object[field.name] = structuredClone(field.default as Json);
	}
	for (const { name, type } of plan.descend) descendInto(schema, type, object[name] ?? null);
}
