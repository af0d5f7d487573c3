/** Values as rules see them: typed by their schema, so that integers, bytes, dates and durations are what CEL takes them for. */
import type { CelInput } from "@bufbuild/cel";
import { create } from "@bufbuild/protobuf";
import { DurationSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { base64ToBytes } from "../codec/base64.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import { parseDuration } from "../schema/duration-text.ts";
import { EMBEDDED_RESOURCE, INT_OR_STRING, isJsonObject, type JsonSchema, PRESERVE_UNKNOWN, valueSchemaOf } from "./json-schema.ts";

/** Members of lists and maps that the rules of one object may visit together: what upstream's cost limit bounds. */
export const VISITS_MAX = 1_000_000;
const NANOS_PER_SECOND = 1_000_000_000n;

export class CostLimitExceeded extends Error {
	constructor() {
		super("operation cancelled: actual cost limit exceeded");
	}
}

/** What is left of the visits that the rules of one object may make. */
export class Budget {
	#left = VISITS_MAX;

	get isSpent(): boolean {
		return this.#left <= 0;
	}

	spend(): void {
		if (--this.#left <= 0) throw new CostLimitExceeded();
	}
}

/** A list whose visitors are counted. */
class CountedList extends Array<CelInput> {
	budget: Budget | undefined;

	override *values(): ArrayIterator<CelInput> {
		for (let at = 0; at < this.length; at++) {
			this.budget?.spend();
			yield this[at] as CelInput;
		}
		return undefined;
	}
}

/** A map whose visitors are counted. */
class CountedMap extends Map<string, CelInput> {
	readonly #budget: Budget;

	constructor(entries: readonly (readonly [string, CelInput])[], budget: Budget) {
		super();
		this.#budget = budget;
		for (const [key, value] of entries) this.set(key, value);
	}

	override *entries(): MapIterator<[string, CelInput]> {
		for (const entry of super.entries()) {
			this.#budget.spend();
			yield entry;
		}
		return undefined;
	}

	override *keys(): MapIterator<string> {
		for (const key of super.keys()) {
			this.#budget.spend();
			yield key;
		}
		return undefined;
	}
}

const RESERVED: ReadonlySet<string> = new Set(
	"true false null in as break const continue else for function if import let loop package namespace return var void while".split(" "),
);

/** A property as rules spell it (KEP-2876): `__dot__` for a dot, and so on; undefined when rules cannot name it. */
export function celName(name: string): string | undefined {
	if (RESERVED.has(name)) return `__${name}__`;
	const escaped = name.replaceAll("__", "__underscores__").replaceAll(".", "__dot__").replaceAll("-", "__dash__").replaceAll("/", "__slash__");
	return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}

function celString(value: string, format: string): CelInput {
	try {
		if (format === "byte") return base64ToBytes(value);
		if (format === "date" || format === "date-time" || format === "datetime") return timestampFromMs(Date.parse(value));
		if (format === "duration") {
			const nanos = parseDuration(value);
			if (nanos !== undefined) return create(DurationSchema, { seconds: nanos / NANOS_PER_SECOND, nanos: Number(nanos % NANOS_PER_SECOND) });
		}
	} catch {
		// Not of its format: validation says so, and rules see the text.
	}
	return value;
}

function celNumber(value: number, schema: JsonSchema): CelInput {
	const isInteger = schema.type === "integer" || (schema[INT_OR_STRING] === true && Number.isInteger(value));
	return isInteger && Number.isSafeInteger(value) ? BigInt(value) : value;
}

const STRING: JsonSchema = { type: "string" };
/** What rules may know of an object's metadata. */
const HEAD_SCHEMA: Readonly<Record<string, JsonSchema>> = {
	apiVersion: STRING,
	kind: STRING,
	metadata: { type: "object", properties: { name: STRING, generateName: STRING } },
};

/** The members that rules can name: specified ones, and of whole objects the head. */
export function visibleProperties(schema: JsonSchema, isResource: boolean): Readonly<Record<string, JsonSchema>> {
	return isResource || schema[EMBEDDED_RESOURCE] ? { ...schema.properties, ...HEAD_SCHEMA } : (schema.properties ?? {});
}

function celObject(value: JsonObject, schema: JsonSchema, budget: Budget, isResource: boolean): CelInput {
	const valueSchema = valueSchemaOf(schema);
	if (valueSchema)
		return new CountedMap(
			Object.entries(value).map(([key, item]) => [key, celValue(item, valueSchema, budget)] as const),
			budget,
		);
	const entries: (readonly [string, CelInput])[] = [];
	for (const [name, property] of Object.entries(visibleProperties(schema, isResource))) {
		const key = celName(name);
		if (key !== undefined && Object.hasOwn(value, name)) entries.push([key, celValue(value[name] as Json, property, budget)]);
	}
	return new CountedMap(entries, budget);
}

/** The value for a rule. */
export function celValue(value: Json, schema: JsonSchema, budget: Budget, isResource = false): CelInput {
	if (Array.isArray(value)) {
		const list = new CountedList();
		list.budget = budget;
		for (const item of value) list.push(celValue(item, schema.items ?? { [PRESERVE_UNKNOWN]: true }, budget));
		return list;
	}
	if (isJsonObject(value)) return celObject(value, schema, budget, isResource);
	if (typeof value === "string") return celString(value, schema.format ?? "");
	return typeof value === "number" ? celNumber(value, schema) : value;
}
