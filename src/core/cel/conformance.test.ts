/**
 * The language's own cases (cel-spec v0.25.1): all that speak of what Kubernetes has. Messages of protobuf, wrappers, enums,
 * and libraries that Kubernetes does not load have no counterpart.
 */
import { tests as cases } from "@bufbuild/cel-spec/testdata/conformance.js";
import { describe, expect, it } from "vitest";
import { base64ToBytes } from "../codec/base64.ts";
import { Environment } from "./environment.ts";
import { parse } from "./parser.ts";
import { Frame } from "./planner.ts";
import { parseTimestamp } from "./timestamps.ts";
import { DYN } from "./types.ts";
import { ArrayList, CelError, celEqual, type CelValue, Duration, LiteralMap, TypeValue, typeName, Uint } from "./values.ts";

interface Case {
	name: string;
	expr: string;
	value?: JsonValue;
	evalError?: unknown;
	bindings?: Record<string, { value: JsonValue }>;
	typeEnv?: { name: string }[];
	container?: string;
	disableMacros?: boolean;
	typedResult?: unknown;
}

interface JsonValue {
	int64Value?: string;
	uint64Value?: string;
	doubleValue?: number | string;
	stringValue?: string;
	bytesValue?: string;
	boolValue?: boolean;
	nullValue?: null;
	listValue?: { values?: JsonValue[] };
	mapValue?: { entries?: { key: JsonValue; value: JsonValue }[] };
	typeValue?: string;
	objectValue?: { "@type": string; value: string };
}

interface Suite {
	name: string;
	tests?: { original: Case }[];
	suites?: Suite[];
}

const SUITES = new Set([
	"basic",
	"comparisons",
	"conversions",
	"fields",
	"fp_math",
	"integer_math",
	"lists",
	"logic",
	"macros",
	"macros2",
	"optionals",
	"parse",
	"plumbing",
	"string",
	"string_ext",
	"timestamps",
]);
/** Protobuf's messages, and functions that Kubernetes does not have. */
const ELSEWHERE = /TestAllTypes|google\.protobuf|proto\.|cel\.(bind|block|expr)|\.reverse\(/;
/** cel-go, and with it Kubernetes, gives all milliseconds of a duration, not those of its last second. */
const DIFFERENT = new Set(["get_milliseconds"]);

class Foreign extends Error {}

function celOf(json: JsonValue): CelValue {
	if (json.int64Value !== undefined) return BigInt(json.int64Value);
	if (json.uint64Value !== undefined) return new Uint(BigInt(json.uint64Value));
	if (json.doubleValue !== undefined) return Number(json.doubleValue);
	if (json.stringValue !== undefined) return json.stringValue;
	if (json.bytesValue !== undefined) return base64ToBytes(json.bytesValue);
	if (json.boolValue !== undefined) return json.boolValue;
	if (json.nullValue === null) return null;
	if (json.listValue) return new ArrayList((json.listValue.values ?? []).map(celOf));
	if (json.mapValue) return new LiteralMap((json.mapValue.entries ?? []).map(({ key, value }) => [celOf(key), celOf(value)] as const));
	if (json.typeValue !== undefined) return new TypeValue(json.typeValue);
	const { "@type": type = "", value = "" } = json.objectValue ?? {};
	if (type.endsWith("Timestamp")) return parseTimestamp(value) ?? null;
	if (type.endsWith("Duration")) return new Duration(BigInt(Math.round(Number(value.slice(0, -1)) * 1e9)));
	throw new Foreign();
}

function evaluate({ expr, bindings = {}, typeEnv = [] }: Case): CelValue | CelError {
	const values = new Map(Object.entries(bindings).map(([name, { value }]) => [name, celOf(value)] as const));
	const variables = Object.fromEntries([...values.keys(), ...typeEnv.map(({ name }) => name)].map((name) => [name, DYN] as const));
	// Kubernetes takes no lists and maps of mixed types; these cases do, so that they are not checked.
	const step = new Environment({ variables }).plan(parse(expr));
	return step(new Frame((name) => values.get(name), Number.POSITIVE_INFINITY));
}

function isOurs({ expr, container, disableMacros, bindings = {}, value, evalError, typedResult, name }: Case): boolean {
	if (container || disableMacros || ELSEWHERE.test(expr) || DIFFERENT.has(name) || (value === undefined && !evalError && typedResult !== undefined))
		return false;
	try {
		for (const each of [...Object.values(bindings).map((binding) => binding.value), ...(value ? [value] : [])]) celOf(each);
		return true;
	} catch (error) {
		if (error instanceof Foreign) return false;
		throw error;
	}
}

const casesOf = ({ tests = [], suites = [] }: Suite): Case[] => [...tests.map(({ original }) => original), ...suites.flatMap(casesOf)];

function agrees(one: Case): boolean {
	let result: CelValue | CelError;
	try {
		result = evaluate(one);
	} catch (error) {
		if (one.evalError) return true;
		throw error;
	}
	if (one.evalError) return result instanceof CelError;
	if (result instanceof CelError) return false;
	const wanted = one.value === undefined ? true : celOf(one.value);
	if (Number.isNaN(wanted)) return Number.isNaN(result);
	return typeName(result) === typeName(wanted) && celEqual(result, wanted);
}

const suites = ((cases as unknown as Suite).suites ?? []).filter(({ name }) => SUITES.has(name));

describe.each(suites.map((suite) => [suite.name, casesOf(suite).filter(isOurs)] as const))("cel-spec %s", (_, all) => {
	it(`has all of its ${all.length} cases kept`, () => {
		expect(all.filter((one) => !agrees(one)).map(({ name, expr }) => `${name}: ${expr}`)).toEqual([]);
	});
});

it("most of the language's cases are looked at", () => {
	expect(suites.flatMap((suite) => casesOf(suite).filter(isOurs)).length).toBeGreaterThan(1_300);
});
