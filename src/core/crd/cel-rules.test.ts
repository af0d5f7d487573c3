import { describe, expect, it } from "vitest";
import type { Json } from "../meta/object.ts";
import type { ValidationRule } from "../schema/kubernetes.d.ts";
import { brokenRules, compileRules, expressionProblem, type RuleTree } from "./cel-rules.ts";
import type { JsonSchema } from "./json-schema.ts";

const PROPERTIES: Record<string, JsonSchema> = {
	min: { type: "integer" },
	max: { type: "integer" },
	ratio: { type: "number" },
	names: { type: "array", items: { type: "string" } },
	labels: { type: "object", additionalProperties: { type: "string" } },
	when: { type: "string", format: "date-time" },
	pause: { type: "string", format: "duration" },
	port: { "x-kubernetes-int-or-string": true },
	"x-y": { type: "integer" },
	namespace: { type: "string" },
};

function broken(spec: Json, rules: (string | ValidationRule)[], old?: Json): string[] {
	const validations = rules.map((rule) => (typeof rule === "string" ? { rule } : rule));
	const schema: JsonSchema = { type: "object", properties: { spec: { type: "object", properties: PROPERTIES, "x-kubernetes-validations": validations } } };
	const found = brokenRules(compileRules(schema) as RuleTree, { spec }, old === undefined ? undefined : { spec: old });
	return found.map(({ field, message }) => `${field}: ${message}`);
}

describe("rules", () => {
	it.each<[Json, string]>([
		[{ min: 1, max: 2 }, "self.min < self.max"],
		[{ ratio: 1 }, "self.ratio == 1.0"],
		[{ names: ["a", "b"] }, "self.names.all(n, n.matches('^[a-z]$')) && self.names.isSorted() && self.names.map(n, n.size()).sum() == 2"],
		[{ labels: { app: "web" } }, "self.labels.all(k, k.size() < 4) && self.labels['app'] == 'web'"],
		[{ when: "2026-01-02T00:00:00Z" }, "self.when > timestamp('2026-01-01T00:00:00Z')"],
		[{ pause: "90s" }, "self.pause > duration('1m')"],
		[{ port: 80 }, "self.port == 80"],
		[{ port: "http" }, "self.port == 'http'"],
		[{ "x-y": 3 }, "self.x__dash__y == 3"],
		[{ namespace: "a" }, "self.__namespace__ == 'a'"],
		[{}, "!has(self.min)"],
	])("%j keeps %s", (spec, rule) => {
		expect(broken(spec, [rule])).toEqual([]);
	});

	it("tell their message, the expression's or their own text", () => {
		const rules = [
			{ rule: "self.min < 1", message: "too much" },
			{ rule: "self.min < 1", messageExpression: "'below ' + string(self.min)" },
			{ rule: "self.min < 1", reason: "FieldValueForbidden" as const, fieldPath: ".min" },
		];
		expect(broken({ min: 5 }, rules)).toEqual([
			"spec: Invalid value: too much",
			"spec: Invalid value: below 5",
			"spec.min: Forbidden: failed rule: self.min < 1",
		]);
	});

	it("name the member that is not there", () => {
		expect(broken({}, ["self.min == 1"])).toEqual(["spec: Invalid value: no such key: min evaluating rule: failed rule: self.min == 1"]);
	});

	it("about the old value have a meaning where there is one, and others are not asked of what is unchanged", () => {
		expect(broken({ min: 1 }, ["self.min >= oldSelf.min"])).toEqual([]);
		expect(broken({ min: 1 }, ["self.min >= oldSelf.min"], { min: 2 })).toHaveLength(1);
		expect(broken({ min: 1 }, ["self.min > 1"], { min: 1 })).toEqual([]);
		expect(broken({ min: 0 }, ["self.min > 1"], { min: 1 })).toHaveLength(1);
	});

	it("that would visit too much are cut off", () => {
		const names = Array.from({ length: 4_000 }, (_, i) => `n${i}`);
		expect(broken({ names }, ["self.names.all(a, self.names.all(b, a + b != 'x'))"])).toEqual([
			'spec: Invalid value: "": validation failed due to running out of cost budget, no further validation rules will be run',
		]);
	});
});

describe("a definition's rules", () => {
	const schema: JsonSchema = { type: "object", properties: PROPERTIES };

	it("must be expressions", () => {
		expect(expressionProblem("self.min ==", schema, false)).toMatch(/^compilation failed: ERROR: <input>:1:10: /);
	});

	it("may speak of specified fields alone", () => {
		expect(expressionProblem("self.mim == 1", schema, false)).toBe("compilation failed: ERROR: <input>: undefined field 'mim'");
		expect(expressionProblem("has(self.other)", schema, false)).toContain("undefined field 'other'");
		expect(expressionProblem("self.metadata.name == 'a' && self.metadata.labels.size() == 0", schema, true)).toContain("undefined field 'labels'");
		expect(expressionProblem("self.labels.anything == 'a'", schema, false)).toBeUndefined();
	});
});
