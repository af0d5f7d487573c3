/** A schema as rules see it: the types of CEL (k8s.io/apiserver/pkg/cel/common/schemas.go), with the sizes that costs are estimated by. */
import { BOOL, type CelType, DOUBLE, INT, type ObjectType, STRING } from "../cel/types.ts";
import { EMBEDDED_RESOURCE, INT_OR_STRING, type JsonSchema, valueSchemaOf } from "./json-schema.ts";

/** A request's body, in bytes: no value is larger. */
const REQUEST_BYTES_MAX = 3 * 1024 * 1024;
/** Bytes of the shortest JSON of a type. */
const STRING_BYTES_MIN = 2;
const BOOLEAN_BYTES_MIN = 4;
const NUMBER_BYTES_MIN = 1;
const DURATION_BYTES_MIN = 4;
const DATE_BYTES = 12;
const DATE_TIME_BYTES_MIN = 22;
/** Longest JSON texts of the formats. */
const FORMAT_BYTES_MAX: Readonly<Record<string, number>> = { duration: 32, date: DATE_BYTES, "date-time": 37 };
/** A code point's bytes at most. */
const POINT_BYTES_MAX = 4;

const RESERVED: ReadonlySet<string> = new Set(
	"true false null in as break const continue else for function if import let loop package namespace return var void while".split(" "),
);

/** A property as rules spell it (KEP-2876): `__dot__` for a dot, and so on; undefined when rules cannot name it. */
export function celName(name: string): string | undefined {
	if (RESERVED.has(name)) return `__${name}__`;
	const escaped = name.replaceAll("__", "__underscores__").replaceAll(".", "__dot__").replaceAll("-", "__dash__").replaceAll("/", "__slash__");
	return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}

const TEXT: JsonSchema = { type: "string" };
/** What rules may know of an object's metadata. */
const HEAD_SCHEMA: Readonly<Record<string, JsonSchema>> = {
	apiVersion: TEXT,
	kind: TEXT,
	metadata: { type: "object", properties: { name: TEXT, generateName: TEXT } },
};

const visible = new WeakMap<JsonSchema, ReadonlyMap<string, { name: string; schema: JsonSchema }>>();

/** The members that rules can name, by the names that they use: specified ones, and of whole objects the head. */
export function visibleMembers(schema: JsonSchema, isResource: boolean): ReadonlyMap<string, { name: string; schema: JsonSchema }> {
	const known = isResource ? undefined : visible.get(schema);
	if (known) return known;
	const properties = isResource || schema[EMBEDDED_RESOURCE] ? { ...schema.properties, ...HEAD_SCHEMA } : (schema.properties ?? {});
	const members = new Map<string, { name: string; schema: JsonSchema }>();
	for (const [name, property] of Object.entries(properties)) {
		const spelled = celName(name);
		if (spelled !== undefined) members.set(spelled, { name, schema: property });
	}
	if (!isResource) visible.set(schema, members);
	return members;
}

/** Bytes of the shortest JSON that fits the schema. */
function bytesMin(schema: JsonSchema): number {
	if (schema[INT_OR_STRING]) return NUMBER_BYTES_MIN;
	switch (schema.type) {
		case "boolean":
			return BOOLEAN_BYTES_MIN;
		case "integer":
		case "number":
			return NUMBER_BYTES_MIN;
		case "string":
			if (schema.format === "duration") return DURATION_BYTES_MIN;
			if (schema.format === "date") return DATE_BYTES;
			return schema.format === "date-time" ? DATE_TIME_BYTES_MIN : STRING_BYTES_MIN;
		case "object": {
			const required = (schema.required ?? []).map((name) => [name, schema.properties?.[name]] as const);
			return required.reduce((total, [name, property]) => (property ? total + name.length + 4 + bytesMin(property) : total), 2);
		}
		default:
			return 2;
	}
}

const itemsMax = (schema: JsonSchema): number => schema.maxItems ?? Math.floor((REQUEST_BYTES_MAX - 2) / ((schema.items ? bytesMin(schema.items) : 0) + 1));
const entriesMax = (schema: JsonSchema, value: JsonSchema): number => schema.maxProperties ?? Math.floor((REQUEST_BYTES_MAX - 2) / (bytesMin(value) + 6));

function stringType({ format = "", maxLength, enum: values }: JsonSchema): CelType {
	const whole = REQUEST_BYTES_MAX - 2;
	if (format === "byte") return { kind: "bytes", max: maxLength ?? whole };
	if (format === "duration") return { kind: "duration", max: FORMAT_BYTES_MAX["duration"] as number };
	if (format === "date" || format === "date-time") return { kind: "timestamp", max: FORMAT_BYTES_MAX[format] as number };
	if (maxLength !== undefined) return { kind: "string", max: maxLength * POINT_BYTES_MAX };
	if (values) return { kind: "string", max: Math.max(0, ...values.map((value) => (typeof value === "string" ? value.length : 0))) };
	return { kind: "string", max: whole };
}

function objectTypeOf(schema: JsonSchema, isResource: boolean, name: string): ObjectType {
	const known = new Map<string, CelType | undefined>();
	return {
		kind: "object",
		name,
		field(field) {
			if (!known.has(field)) {
				const member = visibleMembers(schema, isResource).get(field);
				known.set(field, member && ruleType(member.schema, false, `${name}.${field}`));
			}
			return known.get(field);
		},
	};
}

/** Undefined where rules can know nothing of the values: unknown fields that are kept. */
export function ruleType(schema: JsonSchema, isResource: boolean, name = "object"): CelType | undefined {
	if (schema[INT_OR_STRING]) return { kind: "dyn", max: REQUEST_BYTES_MAX - 2 };
	switch (schema.type) {
		case "boolean":
			return BOOL;
		case "integer":
			return INT;
		case "number":
			return DOUBLE;
		case "string":
			return stringType(schema);
		case "array": {
			const element = schema.items && ruleType(schema.items, false, `${name}.@items`);
			return element && { kind: "list", element, max: itemsMax(schema) };
		}
		case "object": {
			const values = valueSchemaOf(schema);
			if (values === undefined) return objectTypeOf(schema, isResource, name);
			const value = ruleType(values, false, `${name}.@values`);
			return value && { kind: "map", key: STRING, value, max: entriesMax(schema, values) };
		}
		default:
			return undefined;
	}
}

/** How many values there may be below one: items of a list, entries of a map. */
export function cardinality(schema: JsonSchema): number {
	if (schema.type === "array") return itemsMax(schema);
	const values = valueSchemaOf(schema);
	return values ? entriesMax(schema, values) : 1;
}
