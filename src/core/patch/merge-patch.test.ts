import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "../meta/object.ts";
import { applyMergePatch, mergePatch } from "./merge-patch.ts";

// RFC 7386, appendix A.
test.each([
	[{ a: "b" }, { a: "c" }, { a: "c" }],
	[{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
	[{ a: "b" }, { a: null }, {}],
	[{ a: "b", b: "c" }, { a: null }, { b: "c" }],
	[{ a: ["b"] }, { a: "c" }, { a: "c" }],
	[{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
	[{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
	[{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
	[
		["a", "b"],
		["c", "d"],
		["c", "d"],
	],
	[{ a: "b" }, ["c"], ["c"]],
	[{ a: "foo" }, null, null],
	[{ a: "foo" }, "bar", "bar"],
	[{ e: null }, { a: 1 }, { e: null, a: 1 }],
	[[1, 2], { a: "b", c: null }, { a: "b" }],
	[{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
] as [Json, Json, Json][])("%j with %j is %j", (target, patch, expected) => {
	const before = structuredClone({ target, patch });
	expect(mergePatch(target, patch)).toEqual(expected);
	expect({ target, patch }).toEqual(before);
});

test("a patch that is no object is refused", () => {
	expect(() => applyMergePatch({}, [])).toThrow("Invalid JSON Patch");
});

test("applying a patch twice is applying it once", () => {
	const document = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
	fc.assert(
		fc.property(document, document, (target, patch) => {
			const once = mergePatch(target as Json, patch as Json);
			expect(mergePatch(once, patch as Json)).toEqual(once);
		}),
	);
});
