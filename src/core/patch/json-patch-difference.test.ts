import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../meta/object.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { jsonPatchBetween } from "./json-patch-difference.ts";

describe("the patch between two values", () => {
	it.each<[string, Json, Json, unknown]>([
		["nothing", { a: 1 }, { a: 1 }, []],
		["a member that came", {}, { "a/b~": 1 }, [{ op: "add", path: "/a~1b~0", value: 1 }]],
		["a member that went", { a: 1, b: 2 }, { b: 2 }, [{ op: "remove", path: "/a" }]],
		["a member within", { a: { b: 1 } }, { a: { b: 2 } }, [{ op: "replace", path: "/a/b", value: 2 }]],
		["an item put in the middle", [1, 3], [1, 2, 3], [{ op: "add", path: "/1", value: 2 }]],
		["an item taken from the front", [1, 2, 3], [2, 3], [{ op: "remove", path: "/0" }]],
		["another type", { a: [] }, { a: {} }, [{ op: "replace", path: "/a", value: {} }]],
	])("is as small as it may be: %s", (_, from, to, expected) => {
		expect(jsonPatchBetween(from, to)).toEqual(expected);
	});

	it("leads from the one to the other, whatever they are", () => {
		const value = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
		fc.assert(
			fc.property(value, value, (from, to) => {
				const plain = (json: Json): Json => JSON.parse(JSON.stringify(json)) as Json;
				const [before, after] = [{ value: plain(from) }, { value: plain(to) }];
				expect(applyJsonPatch(before, jsonPatchBetween(before, after) as Json)).toEqual(after);
			}),
		);
	});
});
