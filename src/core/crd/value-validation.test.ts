import { describe, expect, it } from "vitest";
import type { FieldError } from "../errors/field-error.ts";
import type { Json } from "../meta/object.ts";
import { applyDefaults } from "./defaulting.ts";
import type { JsonSchema } from "./json-schema.ts";
import { pruned } from "./pruning.ts";
import { checkValue } from "./value-validation.ts";

function complaints(schema: JsonSchema, value: Json, old?: Json): string[] {
	const errors: FieldError[] = [];
	const wrapped: JsonSchema = { type: "object", properties: { a: schema } };
	checkValue({ a: value }, wrapped, "", errors, old === undefined ? undefined : { a: old });
	return errors.map(({ field, message }) => `${field}: ${message}`);
}

describe("values", () => {
	it.each<[JsonSchema, Json, string]>([
		[{ type: "integer" }, "x", 'a: Invalid value: "string": a in body must be of type integer: "string"'],
		[{ type: "integer" }, 1.5, 'a: Invalid value: "number": a in body must be of type integer: "number"'],
		[{ type: "string" }, null, 'a: Invalid value: "null": a in body must be of type string: "null"'],
		[{ "x-kubernetes-int-or-string": true }, true, 'a: Invalid value: "boolean": a in body must be of type integer,string: "boolean"'],
		[{ type: "string", minLength: 2 }, "x", 'a: Invalid value: "x": a in body should be at least 2 chars long'],
		[{ type: "string", maxLength: 2 }, "xyz", "a: Too long: may not be more than 2 bytes"],
		[{ type: "string", pattern: "^a+$" }, "b", "a: Invalid value: \"b\": a in body should match '^a+$'"],
		[{ type: "string", format: "ipv4" }, "1.2.3", 'a: Invalid value: "1.2.3": a in body must be of type ipv4: "1.2.3"'],
		[{ type: "integer", maximum: 3 }, 4, "a: Invalid value: 4: a in body should be less than or equal to 3"],
		[{ type: "integer", minimum: 3, exclusiveMinimum: true }, 3, "a: Invalid value: 3: a in body should be greater than 3"],
		[{ type: "number", multipleOf: 0.1 }, 0.25, "a: Invalid value: 0.25: a in body should be a multiple of 0.1"],
		[{ type: "array", items: { type: "string" }, maxItems: 1 }, ["a", "b"], "a: Too many: 2: must have at most 1 items"],
		[{ type: "array", items: { type: "string" } }, [1], 'a[0]: Invalid value: "integer": a[0] in body must be of type string: "integer"'],
		[{ type: "object", required: ["b"] }, {}, "a.b: Required value"],
		[{ type: "object", additionalProperties: { type: "string" } }, { x: 1 }, 'a.x: Invalid value: "integer": a.x in body must be of type string: "integer"'],
		[{ type: "string", not: { enum: ["x"] } }, "x", '<nil>: Invalid value: "": "a" must not validate the schema (not)'],
	])("%j does not take %j", (schema, value, complaint) => {
		expect(complaints(schema, value)).toEqual([complaint]);
	});

	it("satisfy exactly one alternative of oneOf and one or more of anyOf", () => {
		const either: JsonSchema = { type: "object", oneOf: [{ required: ["x"] }, { required: ["y"] }] };
		expect(complaints(either, { x: 1 })).toEqual([]);
		expect(complaints(either, { x: 1, y: 1 })).toEqual([
			'<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2 valid alternatives',
		]);
		expect(complaints({ ...either, oneOf: undefined as never, anyOf: [{ required: ["x"] }] }, {})).toEqual([
			'<nil>: Invalid value: "": "a" must validate at least one schema (anyOf)',
			"a.x: Required value",
		]);
	});

	it("that were there before a rule was are let be", () => {
		const schema: JsonSchema = { type: "object", properties: { b: { type: "integer", maximum: 1 }, c: { type: "string" } } };
		expect(complaints(schema, { b: 5, c: "y" }, { b: 5, c: "x" })).toEqual([]);
		expect(complaints(schema, { b: 6 }, { b: 5 })).toHaveLength(1);
	});

	it("may be null where the schema says so", () => {
		expect(complaints({ type: "string", nullable: true }, null)).toEqual([]);
	});
});

describe("what a schema does not specify", () => {
	const schema: JsonSchema = {
		type: "object",
		properties: {
			known: { type: "object", properties: { x: { type: "integer", default: 1 } }, default: {} },
			open: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { y: { type: "object" } } },
			whole: { type: "object", "x-kubernetes-embedded-resource": true },
			list: { type: "array", items: { type: "object", properties: { z: { type: "string", default: "d" } } } },
		},
	};

	it("goes, and is told", () => {
		const unknown: string[] = [];
		const value = {
			known: { x: 2, q: 1 },
			open: { any: 1, y: { gone: 1 } },
			whole: { apiVersion: "v1", kind: "Pod", spec: 1 },
			list: [{ z: "a", b: 1 }],
			extra: 1,
		};
		expect(pruned(value, schema, unknown)).toEqual({ known: { x: 2 }, open: { any: 1, y: {} }, whole: { apiVersion: "v1", kind: "Pod" }, list: [{ z: "a" }] });
		expect(unknown).toEqual(["known.q", "open.y.gone", "whole.spec", "list[0].b", "extra"]);
	});

	it("is filled in where it has defaults, nulls included", () => {
		const value: Json = { known: null, list: [{}, { z: null }] as Json[], whole: null };
		applyDefaults(value, schema);
		expect(value).toEqual({ known: { x: 1 }, list: [{ z: "d" }, { z: "d" }] });
	});

	it("keeps keys that are names of JavaScript's own", () => {
		const value = JSON.parse('{"open":{"__proto__":{"a":1}}}') as Json;
		expect(JSON.stringify(pruned(value, schema, []))).toBe('{"open":{"__proto__":{"a":1}}}');
	});
});
