import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StatusError } from "../errors/status-error.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import { applyJsonPatch, JSON_PATCH_OPERATIONS_MAX } from "./json-patch.ts";

const codeOf = (run: () => unknown): number => {
	try {
		run();
	} catch (error) {
		if (error instanceof StatusError) return error.code;
		throw error;
	}
	return 200;
};

describe("the examples of RFC 6902, appendix A, and the rules of its section 4", () => {
	test.each([
		["adding a member", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { foo: "bar", baz: "qux" }],
		["adding an element", { foo: ["bar", "baz"] }, [{ op: "add", path: "/foo/1", value: "qux" }], { foo: ["bar", "qux", "baz"] }],
		["removing a member", { baz: "qux", foo: "bar" }, [{ op: "remove", path: "/baz" }], { foo: "bar" }],
		["removing an element", { foo: ["bar", "qux", "baz"] }, [{ op: "remove", path: "/foo/1" }], { foo: ["bar", "baz"] }],
		["replacing", { baz: "qux", foo: "bar" }, [{ op: "replace", path: "/baz", value: "boo" }], { baz: "boo", foo: "bar" }],
		[
			"moving a value",
			{ foo: { bar: "baz", waldo: "fred" }, qux: { corge: "grault" } },
			[{ op: "move", from: "/foo/waldo", path: "/qux/thud" }],
			{ foo: { bar: "baz" }, qux: { corge: "grault", thud: "fred" } },
		],
		["moving an element", { foo: ["all", "grass", "cows", "eat"] }, [{ op: "move", from: "/foo/1", path: "/foo/3" }], { foo: ["all", "cows", "eat", "grass"] }],
		[
			"testing",
			{ baz: "qux", foo: ["a", 2, "c"] },
			[
				{ op: "test", path: "/baz", value: "qux" },
				{ op: "test", path: "/foo/1", value: 2 },
			],
			{ baz: "qux", foo: ["a", 2, "c"] },
		],
		["adding a nested member", { foo: "bar" }, [{ op: "add", path: "/child", value: { grandchild: {} } }], { foo: "bar", child: { grandchild: {} } }],
		["unknown members are ignored", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux", xyz: 123 }], { foo: "bar", baz: "qux" }],
		["escapes", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
		["adding an array value", { foo: ["bar"] }, [{ op: "add", path: "/foo/-", value: ["abc", "def"] }], { foo: ["bar", ["abc", "def"]] }],
		[
			"copying",
			{ a: { b: [1] } },
			[
				{ op: "copy", from: "/a/b", path: "/c" },
				{ op: "add", path: "/c/-", value: 2 },
			],
			{ a: { b: [1] }, c: [1, 2] },
		],
		["adding over a member", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
		["the empty name", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
		["the whole document", { a: 1 }, [{ op: "replace", path: "", value: { b: 2 } }], { b: 2 }],
		["a null value", { a: 1 }, [{ op: "add", path: "/a", value: null }], { a: null }],
		["a negative index counts from the end", { a: [1, 2, 3] }, [{ op: "remove", path: "/a/-1" }], { a: [1, 2] }],
		["testing what is missing for null", { a: 1 }, [{ op: "test", path: "/b", value: null }], { a: 1 }],
	] as [string, JsonObject, Json, JsonObject][])("%s", (_, document, patch, expected) => {
		const before = structuredClone({ document, patch });
		expect(applyJsonPatch(document, patch)).toEqual(expected);
		expect({ document, patch }).toEqual(before);
	});

	test.each([
		["a failing test", { baz: "qux" }, [{ op: "test", path: "/baz", value: "bar" }]],
		["a string is no number", { "~1": 10 }, [{ op: "test", path: "/~01", value: "10" }]],
		["a missing parent", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }]],
		["removing what is not there", { foo: 1 }, [{ op: "remove", path: "/bar" }]],
		["replacing what is not there", { foo: 1 }, [{ op: "replace", path: "/bar", value: 1 }]],
		["an index past the end", { foo: [1] }, [{ op: "add", path: "/foo/2", value: 1 }]],
		["an index that is no number", { foo: [1] }, [{ op: "add", path: "/foo/1e0", value: 1 }]],
		["an index with a leading zero", { foo: [1] }, [{ op: "replace", path: "/foo/00", value: 1 }]],
		["an unknown operation", { foo: 1 }, [{ op: "spam", path: "/foo" }]],
		["no path", { foo: 1 }, [{ op: "remove" }]],
		["no value", { foo: 1 }, [{ op: "add", path: "/foo" }]],
		["a path without a slash", { foo: 1 }, [{ op: "remove", path: "foo" }]],
		["moving into itself", { a: { b: {} } }, [{ op: "move", from: "/a", path: "/a/b/c" }]],
		["an inherited name", { foo: 1 }, [{ op: "remove", path: "/constructor" }]],
	] as [string, JsonObject, Json][])("%s is a 422", (_, document, patch) => {
		const run = () => applyJsonPatch(document, patch);
		expect(codeOf(run)).toBe(422);
		expect(run).toThrow("the server rejected our request due to an error in our request");
	});
});

test("a patch that fails half way leaves the document alone", () => {
	const document = { a: [1, 2], b: { c: 1 } };
	expect(
		codeOf(() =>
			applyJsonPatch(document, [
				{ op: "remove", path: "/a/0" },
				{ op: "replace", path: "/b/c", value: 9 },
				{ op: "remove", path: "/x" },
			]),
		),
	).toBe(422);
	expect(document).toEqual({ a: [1, 2], b: { c: 1 } });
});

test("what is no patch is a 400, and too many operations are a 413", () => {
	expect(() => applyJsonPatch({}, { op: "add" })).toThrow("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
	expect(codeOf(() => applyJsonPatch({}, [1]))).toBe(400);
	const operation = { op: "test", path: "/a", value: 1 };
	expect(codeOf(() => applyJsonPatch({ a: 1 }, new Array(JSON_PATCH_OPERATIONS_MAX).fill(operation)))).toBe(200);
	const run = () => applyJsonPatch({ a: 1 }, new Array(JSON_PATCH_OPERATIONS_MAX + 1).fill(operation));
	expect(codeOf(run)).toBe(413);
	expect(run).toThrow("Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001");
});

test("copies that double are stopped", () => {
	const patch = Array.from({ length: 40 }, () => ({ op: "copy", from: "/a", path: "/a/-" }));
	expect(codeOf(() => applyJsonPatch({ a: ["xxxxxxxx"] }, patch))).toBe(422);
});

test("a member called __proto__ is a member", () => {
	const patched = applyJsonPatch({}, JSON.parse('[{"op":"add","path":"/__proto__","value":{"x":1}}]') as Json);
	expect(Object.keys(patched)).toEqual(["__proto__"]);
	expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
});

test("add then remove is nothing, for any document", () => {
	fc.assert(
		fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), fc.jsonValue(), (document, value) => {
			const patch: Json = [
				{ op: "add", path: "/a~1new~0one", value: value as Json },
				{ op: "remove", path: "/a~1new~0one" },
			];
			fc.pre(!("a/new~one" in document));
			expect(applyJsonPatch(document as JsonObject, patch)).toEqual(document);
		}),
	);
});
