import { describe, expect, it } from "vitest";
import type { Json } from "../meta/object.ts";
import type { ValidationRule } from "../schema/kubernetes.d.ts";
import { brokenRules, compileRules, type RuleTree } from "./rules.ts";
import { validateStructure } from "./structure-validation.ts";
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
	ports: {
		type: "array",
		"x-kubernetes-list-type": "map",
		"x-kubernetes-list-map-keys": ["name"],
		items: { type: "object", required: ["name"], properties: { name: { type: "string" }, port: { type: "integer" } } },
	},
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

	it("of optional old values are asked of new ones too", () => {
		const rule = { rule: "!oldSelf.hasValue() || oldSelf.value().min <= self.min", optionalOldSelf: true };
		expect(broken({ min: 1 }, [rule])).toEqual([]);
		expect(broken({ min: 1 }, [rule], { min: 2 })).toHaveLength(1);
		const first = { rule: "oldSelf.hasValue() || self.min == 0", optionalOldSelf: true };
		expect(broken({ min: 1 }, [first])).toHaveLength(1);
		expect(broken({ min: 1 }, [first], { min: 1 })).toEqual([]);
	});

	it("of lists by key compare and add them by key", () => {
		const items = (...entries: [string, number][]): Json => ({ ports: entries.map(([name, port]) => ({ name, port })) });
		const [a, b] = [items(["x", 1], ["y", 2]), items(["y", 2], ["x", 1])];
		expect(broken(b, ["self.ports == oldSelf.ports"], a)).toEqual([]);
		expect(broken(items(["x", 1]), ["(oldSelf.ports + self.ports).size() == 2"], a)).toEqual([]);
	});

	it("on dynamic values tell of operators that they do not have", () => {
		expect(broken({ port: "http" }, ["self.port > 1"])).toEqual([
			"spec: Invalid value: 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: failed rule: self.port > 1",
		]);
	});

	it("that cost too much are cut off", () => {
		const names = Array.from({ length: 600 }, (_, i) => `n${i}`);
		const costly = "self.names.all(a, self.names.all(b, a + b != 'x'))";
		expect(broken({ names }, [costly, "false"])).toEqual([
			`spec: Invalid value: 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: failed rule: ${costly}`,
		]);
		const few = names.slice(0, 300);
		expect(
			broken(
				{ names: few },
				Array.from({ length: 30 }, () => costly),
			).at(-1),
		).toBe("spec: Invalid value: validation failed due to running out of cost budget, no further validation rules will be run");
	});
});

describe("a definition's rules", () => {
	function problems(rules: (string | ValidationRule)[], properties: Record<string, JsonSchema> = PROPERTIES): string[] {
		const validations = rules.map((rule) => (typeof rule === "string" ? { rule } : rule));
		const schema: JsonSchema = { type: "object", properties: { spec: { type: "object", properties, "x-kubernetes-validations": validations } } };
		return validateStructure(schema, "s").map(({ field, message }) => `${field}: ${message}`);
	}
	const at = "s.properties[spec].x-kubernetes-validations[0]";
	const bounded: Record<string, JsonSchema> = { names: { type: "array", maxItems: 10, items: { type: "string", maxLength: 10 } } };

	it.each<[string, string]>([
		[
			"self.min ==",
			`Invalid value: "self.min ==": compilation failed: ERROR: <input>:1:12: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | self.min ==\n | ...........^`,
		],
		["self.mim == 1", `Invalid value: "self.mim == 1": compilation failed: ERROR: <input>:1:5: undefined field 'mim'\n | self.mim == 1\n | ....^`],
		[
			"self.min == 'a'",
			`Invalid value: "self.min == 'a'": compilation failed: ERROR: <input>:1:10: found no matching overload for '_==_' applied to '(int, string)'\n | self.min == 'a'\n | .........^`,
		],
		["self.min", `Invalid value: "self.min": cel expression must evaluate to a bool`],
	])("%s: %s", (rule, problem) => {
		expect(problems([rule])).toEqual([`${at}.rule: ${problem}`]);
	});

	it("may speak of the head of whole objects", () => {
		const rules = (rule: string): JsonSchema => ({ type: "object", "x-kubernetes-validations": [{ rule }] });
		expect(validateStructure(rules("self.metadata.name == 'a'"), "s")).toEqual([]);
		expect(validateStructure(rules("self.metadata.labels.size() == 0"), "s")[0]?.message).toContain("undefined field 'labels'");
	});

	it("name messages and fields that are there", () => {
		expect(problems([{ rule: "true", messageExpression: "self.min" }])).toEqual([
			`${at}.messageExpression: Invalid value: "self.min": messageExpression must evaluate to a string`,
		]);
		expect(problems([{ rule: "true", messageExpression: "self.mim" }])[0]).toContain(
			`${at}.messageExpression: Invalid value: "self.mim": messageExpression compilation failed: ERROR: <input>:1:5: undefined field 'mim'`,
		);
		expect(problems([{ rule: "true", fieldPath: ".min" }])).toEqual([]);
		expect(problems([{ rule: "true", fieldPath: "['x-y']" }])).toEqual([]);
		expect(problems([{ rule: "true", fieldPath: ".mim" }])).toEqual([`${at}.fieldPath: Invalid value: ".mim": fieldPath must be a valid path`]);
		expect(problems([{ rule: "true", optionalOldSelf: true }])).toEqual([
			`${at}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`,
		]);
	});

	it("may cost as much as their values can be large", () => {
		const rule = "self.names.all(a, self.names.all(b, a != b))";
		expect(problems([rule], bounded)).toEqual([]);
		const advice = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";
		expect(problems([rule])).toEqual([
			`${at}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
			`${at}.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
			`s: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
		]);
	});

	it("may be as long as those of the Gateway API", () => {
		const name = (maxLength: number): JsonSchema => ({ type: "string", maxLength });
		const same = (field: string): string =>
			`(((!has(p1.${field}) || p1.${field} == '') && (!has(p2.${field}) || p2.${field} == '')) || (has(p1.${field}) && has(p2.${field}) && p1.${field} == p2.${field}))`;
		const identity = "p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name";
		const parentRefs: JsonSchema = {
			type: "array",
			maxItems: 32,
			items: {
				type: "object",
				required: ["name"],
				properties: { group: name(253), kind: name(63), name: name(253), namespace: name(63), sectionName: name(253) },
			},
			"x-kubernetes-validations": [
				{ rule: `self.all(p1, self.exists_one(p2, ${identity} && ${same("__namespace__")} && ${same("sectionName")}))`, message: "must be unique" },
			],
		};
		expect(problems([], { parentRefs })).toEqual([]);
	});

	it("of items count for each of them", () => {
		const items = (maxItems: number): Record<string, JsonSchema> => ({
			list: {
				type: "array",
				maxItems,
				items: { type: "string", maxLength: 100, "x-kubernetes-validations": [{ rule: "self.matches('^[a-z0-9.-]{1,60}[a-z]$')" }] },
			},
		});
		expect(problems([], items(1_000))).toEqual([]);
		expect(problems([], items(100_000))[0]).toContain("estimated rule cost exceeds budget by factor of 2.5x");
	});
});
