import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFieldSelector } from "./field-selector.ts";
import { labelSelectorOf, parseLabelSelector, selectorFromSet } from "./label-selector.ts";

const message = (run: () => unknown): string => {
	try {
		run();
	} catch (error) {
		return (error as Error).message;
	}
	return "";
};

describe("label selectors", () => {
	test.each([
		["", { a: "b" }, true],
		["a=b", { a: "b" }, true],
		["a==b", { a: "c" }, false],
		["a!=b", {}, true],
		["a!=b", { a: "b" }, false],
		["a in (b, c)", { a: "c" }, true],
		["a in (b,)", { a: "" }, true],
		["a notin (b,c)", { a: "c" }, false],
		["a notin (b,c)", {}, true],
		["a", { a: "" }, true],
		["!a", { a: "" }, false],
		["! a", {}, true],
		["a>5", { a: "6" }, true],
		["a>5", { a: "x" }, false],
		["a < 5 , b=in", { a: "4", b: "in" }, true],
		["a=", { a: "" }, true],
		["in=notin", { in: "notin" }, true],
		["constructor", {}, false],
	] as [string, Record<string, string>, boolean][])("%s on %j is %s", (text, labels, expected) => {
		expect(parseLabelSelector(text).matches(labels)).toBe(expected);
	});

	test.each([
		["a=b=c", "found '=', expected: ',' or 'end of string'"],
		["a in b", "unable to parse requirement: found 'b' expected: '('"],
		["a,", "found '', expected: identifier after ','"],
		["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
		["a=(", "unable to parse requirement: found '(', expected: identifier"],
		["a in ()", "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"],
		["a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
		[
			"a=b/c",
			"unable to parse requirement: values[0][a]: Invalid value: \"b/c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
		],
		["=a", "found '=', expected: !, identifier, or 'end of string'"],
		["a,!", "unable to parse requirement: found '', expected: identifier"],
	])("%s is refused", (text, expected) => {
		expect(message(() => parseLabelSelector(text))).toBe(expected);
	});

	test("the structured form: absent selects nothing, empty everything", () => {
		expect(labelSelectorOf(undefined).matches({ a: "b" })).toBe(false);
		expect(labelSelectorOf({}).matches({})).toBe(true);
		const selector = labelSelectorOf({ matchLabels: { app: "x" }, matchExpressions: [{ key: "tier", operator: "NotIn", values: ["db", "cache"] }] });
		expect(selector.toString()).toBe("app=x,tier notin (cache,db)");
		expect(selector.matches({ app: "x" })).toBe(true);
		expect(selector.matches({ app: "x", tier: "db" })).toBe(false);
		expect(message(() => labelSelectorOf({ matchExpressions: [{ key: "a", operator: "Like" }] }))).toBe('"Like" is not a valid label selector operator');
	});

	test("a selector's text parses back to the same selector", () => {
		const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
		const set = fc.dictionary(word, word, { noNullPrototype: true });
		fc.assert(
			fc.property(set, set, (wanted, labels) => {
				const selector = selectorFromSet(wanted);
				const again = parseLabelSelector(selector.toString());
				expect(again.toString()).toBe(selector.toString());
				expect(again.matches(labels)).toBe(Object.entries(wanted).every(([k, v]) => labels[k] === v));
			}),
		);
	});
});

describe("field selectors", () => {
	const supported = new Set(["metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"]);
	const get = (path: string): string => ({ "spec.nodeName": "n,1", "status.phase": "Running" })[path] ?? "";

	test.each([
		["", true],
		["status.phase=Running", true],
		["status.phase!=Running", false],
		["spec.nodeName=n\\,1,status.phase==Running", true],
		["metadata.name=", true],
	])("%s is %s", (text, expected) => {
		expect(parseFieldSelector(text, supported).matches(get)).toBe(expected);
	});

	test("refusals", () => {
		expect(message(() => parseFieldSelector("spec.foo=a", supported))).toBe("field label not supported: spec.foo");
		expect(message(() => parseFieldSelector("spec.foo", supported))).toBe("invalid selector: 'spec.foo'; can't understand 'spec.foo'");
		expect(message(() => parseFieldSelector("a=b\\x", supported))).toBe("invalid field selector: invalid escape sequence: \\x");
		expect(message(() => parseFieldSelector("a=b=c", supported))).toBe("invalid field selector: unescaped character in value: 61");
		expect(message(() => parseFieldSelector("spec.foo=a", new Set(["metadata.name"])))).toBe(
			'"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
		);
	});
});
