/**
 * What upstream's JSON decoder makes of a body (sigs.k8s.io/json into the Go type) and what its encoder would print of
 * the result: types checked in upstream's words, unknown fields dropped and listed, nulls and empty omitempty fields
 * dropped, fields that Go always prints put in, quantities, times and bytes in their canonical form.
 *
 * Each struct is compiled once into a flat plan, since every write passes through here.
 */
import { badRequest, type StatusError } from "../errors/status-error.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import { applySchemaDefaults } from "./defaults.ts";
import { MAX_JSON_DEPTH } from "./duplicate-fields.ts";
import { canonicalBytes, canonicalDuration, canonicalMicroTime, canonicalQuantity, canonicalTime, UnmarshalError } from "./scalar-text.ts";
import type { FieldInfo, Schema, StructType, TypeRef } from "./types.ts";

export { applySchemaDefaults } from "./defaults.ts";
export { duplicateFields, MAX_JSON_DEPTH } from "./duplicate-fields.ts";

/** How deep structs may nest: only types that refer to themselves come near. */
export const MAX_DECODE_DEPTH = 500;
/** sigs.k8s.io/json stops collecting strict errors there. */
export const MAX_STRICT_ERRORS = 100;
const MAX_INT32 = 2 ** 31 - 1;
const MIN_INT32 = -(2 ** 31);

export interface DecodeOptions {
	/** The kind and version in error texts; by default those of the type's name. */
	kind?: string;
	version?: string;
	/** `false` leaves the schema's defaults out, as an applied configuration needs. */
	defaults?: boolean;
}

interface State {
	/** Where we are: field names, list indices and map keys. */
	path: (string | number | { key: string })[];
	/** The innermost struct's Go name. */
	struct: string;
	depth: number;
	unknown: UnknownField[];
}

/** Where a field lies that no struct knows. */
type UnknownField = State["path"];

type Decode = (value: Json, state: State) => Json;

interface FieldPlan {
	name: string;
	decode: Decode;
	/** What is printed when the field is absent or null; undefined when nothing is. */
	absent: (() => Json) | undefined;
	/** omitempty on a plain value: the empty value is not printed. */
	dropsEmpty: boolean;
}

interface StructPlan {
	goName: string;
	fields: readonly FieldPlan[];
	known: ReadonlyMap<string, FieldInfo>;
	preserveUnknown: boolean;
}

const plansBySchema = new WeakMap<Schema, Map<string, StructPlan>>();

function planOf(schema: Schema, name: string): StructPlan {
	let plans = plansBySchema.get(schema);
	if (!plans) plansBySchema.set(schema, (plans = new Map()));
	let plan = plans.get(name);
	if (!plan) plans.set(name, (plan = compileStruct(schema, schema.struct(name))));
	return plan;
}

function compileStruct(schema: Schema, struct: StructType): StructPlan {
	const fields = [...struct.fields.values()].map((field): FieldPlan => {
		const { kind } = field.type;
		return {
			name: field.name,
			decode: compileType(schema, field.type, field.goType),
			absent: field.required ? () => zeroValue(schema, field.type) : field.nullWhenAbsent ? () => null : undefined,
			dropsEmpty: !field.required && !field.pointer && kind !== "struct" && kind !== "any",
		};
	});
	return { goName: struct.name.slice(struct.name.lastIndexOf(".") + 1), fields, known: struct.fields, preserveUnknown: struct.preserveUnknown ?? false };
}

/** Go's zero value as it is printed. */
function zeroValue(schema: Schema, type: TypeRef): Json {
	switch (type.kind) {
		case "string":
			return "";
		case "boolean":
			return false;
		case "int32":
		case "int64":
		case "double":
		case "intOrString":
			return 0;
		case "quantity":
			return "0";
		case "duration":
			return "0s";
		case "struct": {
			const zero: JsonObject = {};
			for (const field of planOf(schema, type.name).fields) if (field.absent) zero[field.name] = field.absent();
			return zero;
		}
		default:
			return null;
	}
}

const GO_NAMES: Partial<Record<TypeRef["kind"], string>> = { boolean: "bool", double: "float64", bytes: "[]uint8" };

function goTypeOf(type: TypeRef, declared: string | undefined): string {
	if (declared !== undefined) return declared;
	if (type.kind === "list") return `[]${goTypeOf(type.element, undefined)}`;
	if (type.kind === "map") return `map[string]${goTypeOf(type.value, undefined)}`;
	if (type.kind === "struct") return type.name.slice(type.name.indexOf("/") + 1);
	return GO_NAMES[type.kind] ?? type.kind;
}

const describe = (value: Json): string => (Array.isArray(value) ? "array" : value === null ? "null" : typeof value === "boolean" ? "bool" : typeof value);

function typeError(state: State, found: string, goType: string): UnmarshalError {
	const fields = state.path.filter((part) => typeof part === "string");
	const target = fields.length > 0 ? `Go struct field ${state.struct}.${fields.join(".")}` : "Go value";
	return new UnmarshalError(`json: cannot unmarshal ${found} into ${target} of type ${goType}`);
}

function compileInteger(goType: string, min: number, max: number): Decode {
	return (value, state) => {
		if (typeof value !== "number") throw typeError(state, describe(value), goType);
		if (!Number.isInteger(value) || value < min || value > max) throw typeError(state, `number ${value}`, goType);
		return value;
	};
}

function compileType(schema: Schema, type: TypeRef, declared: string | undefined): Decode {
	const goType = goTypeOf(type, declared);
	switch (type.kind) {
		case "string":
			return compilePlain("string", goType);
		case "boolean":
			return compilePlain("boolean", goType);
		case "double":
			return compilePlain("number", goType);
		case "int32":
			return compileInteger(goType, MIN_INT32, MAX_INT32);
		case "int64":
			return compileInteger(goType, -(2 ** 63), 2 ** 63);
		case "bytes":
			return (value, state) => {
				if (typeof value !== "string") throw typeError(state, describe(value), goType);
				return canonicalBytes(value);
			};
		case "quantity":
			return canonicalQuantity;
		case "time":
			return canonicalTime;
		case "microTime":
			return canonicalMicroTime;
		case "duration":
			return canonicalDuration;
		case "intOrString":
			return decodeIntOrString;
		case "list":
			return compileList(schema, type.element, goType);
		case "map":
			return compileMap(schema, type.value, goType);
		case "struct": {
			const { name } = type;
			return (value, state) => decodeStruct(planOf(schema, name), value, state, goType);
		}
		default:
			return decodeAny;
	}
}

/** Untyped parts stay as they are; only their depth is bounded. */
function decodeAny(value: Json): Json {
	checkDepth(value, 1);
	return value;
}

function checkDepth(value: Json, depth: number): void {
	if (typeof value !== "object" || value === null) return;
	if (depth > MAX_JSON_DEPTH) throw new UnmarshalError("json: exceeded max depth");
	for (const key in value) checkDepth((value as JsonObject)[key] as Json, depth + 1);
}

function compilePlain(kind: "string" | "boolean" | "number", goType: string): Decode {
	return (value, state) => {
		if (typeof value !== kind) throw typeError(state, describe(value), goType);
		return value;
	};
}

function decodeIntOrString(value: Json): Json {
	if (typeof value === "string") return value;
	const found = typeof value === "number" ? `number ${value}` : describe(value);
	if (typeof value !== "number" || !Number.isInteger(value) || value < MIN_INT32 || value > MAX_INT32)
		throw new UnmarshalError(`json: cannot unmarshal ${found} into Go value of type int32`);
	return value;
}

const elementGoType = (goType: string): string | undefined => (goType.startsWith("[]") ? goType.slice(2).replace(/^\*/, "") : undefined);
const valueGoType = (goType: string): string | undefined => /^map\[[^\]]+\]\*?(.+)$/.exec(goType)?.[1];

function compileList(schema: Schema, element: TypeRef, goType: string): Decode {
	const decode = compileType(schema, element, elementGoType(goType));
	return (value, state) => {
		if (!Array.isArray(value)) throw typeError(state, describe(value), goType);
		const out = new Array<Json>(value.length);
		const at = state.path.length;
		for (let i = 0; i < value.length; i++) {
			const item = value[i] as Json;
			state.path[at] = i;
			out[i] = item === null ? zeroValue(schema, element) : decode(item, state);
		}
		state.path.length = at;
		return out;
	};
}

/** The map's keys in order, as Go prints them. */
function sortedKeys(value: JsonObject): string[] {
	const keys = Object.keys(value);
	for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return keys.sort();
	return keys;
}

/** Assigns an own property whatever the key, `__proto__` too. */
function setOwn(target: JsonObject, key: string, value: Json): void {
	if (key === "__proto__") Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
	else target[key] = value;
}

function compileMap(schema: Schema, type: TypeRef, goType: string): Decode {
	const decode = compileType(schema, type, valueGoType(goType));
	const nested = type.kind === "struct" || type.kind === "list" || type.kind === "map";
	// A map's value is always there: bytes that are null are none.
	const zero = () => (type.kind === "bytes" ? "" : zeroValue(schema, type));
	return (value, state) => {
		if (typeof value !== "object" || value === null || Array.isArray(value)) throw typeError(state, describe(value), goType);
		const out: JsonObject = {};
		for (const key of sortedKeys(value)) {
			const item = value[key] as Json;
			if (nested) state.path.push({ key });
			setOwn(out, key, item === null ? zero() : decode(item, state));
			if (nested) state.path.pop();
		}
		return out;
	};
}

function isEmpty(value: Json): boolean {
	if (typeof value === "object") {
		if (value === null) return true;
		if (Array.isArray(value)) return value.length === 0;
		for (const key in value) if (Object.hasOwn(value, key)) return false;
		return true;
	}
	return value === "" || value === 0 || value === false;
}

function decodeStruct(plan: StructPlan, value: Json, state: State, goType: string): JsonObject {
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw typeError(state, describe(value), goType);
	if (++state.depth > MAX_DECODE_DEPTH) throw new UnmarshalError("json: exceeded max depth");
	const outer = state.struct;
	state.struct = plan.goName;
	const at = state.path.length;
	const out: JsonObject = {};
	let seen = 0;
	for (const field of plan.fields) {
		const { name } = field;
		const raw = value[name];
		const given = raw !== undefined && (!(name in Object.prototype) || Object.hasOwn(value, name));
		if (given) seen++;
		if (!given || raw === null) {
			if (field.absent) out[name] = field.absent();
			continue;
		}
		state.path[at] = name;
		const decoded = field.decode(raw as Json, state);
		if (!field.dropsEmpty || !isEmpty(decoded)) out[name] = decoded;
	}
	state.path.length = at;
	const keys = Object.keys(value);
	if (seen !== keys.length) for (const key of keys) if (!plan.known.has(key)) unknownField(plan, value, key, out, state);
	state.struct = outer;
	state.depth--;
	return out;
}

function unknownField(plan: StructPlan, value: JsonObject, key: string, out: JsonObject, state: State): void {
	if (plan.preserveUnknown) setOwn(out, key, decodeAny(value[key] as Json));
	else if (state.unknown.length < MAX_STRICT_ERRORS) state.unknown.push([...state.path, key]);
}

/** The strict errors in the order of the document, in which upstream's decoder meets them. */
function unknownFieldErrors(value: Json, unknown: UnknownField[]): string[] {
	return unknown.sort((a, b) => documentOrder(value, a, b)).map((path) => `unknown field ${JSON.stringify(pathText(path))}`);
}

function documentOrder(value: Json, a: UnknownField, b: UnknownField): number {
	let parent = value;
	for (const [i, part] of a.entries()) {
		const [one, other] = [keyOf(part), keyOf(b[i] ?? "")];
		if (one !== other) {
			const keys = Object.keys(parent as JsonObject);
			return keys.indexOf(one) - keys.indexOf(other);
		}
		parent = (parent as JsonObject)[one] as Json;
	}
	return 0;
}

const keyOf = (part: UnknownField[number]): string => (typeof part === "object" ? part.key : String(part));

function pathText(path: State["path"]): string {
	let text = "";
	for (const part of path) {
		if (typeof part === "number") text += `[${part}]`;
		else text += `${text === "" ? "" : "."}${typeof part === "string" ? part : part.key}`;
	}
	return text;
}

/** 400 in the words of apiserver's transformDecodeError. */
export function cannotBeHandled(kind: string, version: string, why: string): StatusError {
	return badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${why}`);
}

/** The kind and the version in a type's name: "apps/v1.Deployment" gives Deployment and v1. */
export function kindOfTypeName(typeName: string): { kind: string; version: string } {
	const dot = typeName.lastIndexOf(".");
	return { kind: typeName.slice(dot + 1), version: typeName.slice(typeName.indexOf("/") + 1, dot) };
}

/**
 * The object that the server works with, in Go's field order, and the strict errors found on the way, each as
 * `unknown field "spec.foo"`. Throws 400 BadRequest when a value has the wrong type. `value` is left as it is, but the
 * result may share untyped parts with it.
 */
export function decodeObject(schema: Schema, typeName: string, value: Json, options: DecodeOptions = {}): { object: JsonObject; unknownFields: string[] } {
	const state: State = { path: [], struct: "", depth: 0, unknown: [] };
	try {
		const struct: TypeRef = { kind: "struct", name: typeName };
		const object = decodeStruct(planOf(schema, typeName), value, state, goTypeOf(struct, undefined));
		if (options.defaults !== false) applySchemaDefaults(schema, typeName, object);
		return { object, unknownFields: unknownFieldErrors(value, state.unknown) };
	} catch (error) {
		if (!(error instanceof UnmarshalError)) throw error;
		const named = kindOfTypeName(typeName);
		throw cannotBeHandled(options.kind ?? named.kind, options.version ?? named.version, error.message);
	}
}

/** The text of a strict decoding failure, from what decodeObject and duplicateFields found; undefined when there is none. */
export function strictErrors(unknownFields: readonly string[], duplicates: readonly string[]): string | undefined {
	const all = [...unknownFields, ...duplicates].slice(0, MAX_STRICT_ERRORS);
	return all.length === 0 ? undefined : `strict decoding error: ${all.join(", ")}`;
}
