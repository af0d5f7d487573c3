import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cloneJson } from "./clone.ts";

describe("cloneJson", () => {
	it("copies any JSON, keys that mean something to JavaScript included", () => {
		fc.assert(
			fc.property(fc.jsonValue(), (value) => {
				expect(cloneJson(value)).toEqual(value);
			}),
		);
		const text = '{"a":[{"__proto__":{"b":1},"constructor":null}]}';
		const copy = cloneJson(JSON.parse(text));
		expect(JSON.stringify(copy)).toBe(text);
		expect(Object.getPrototypeOf(copy.a[0])).toBe(Object.prototype);
	});

	it("shares nothing with the original", () => {
		const original = { list: [{ n: 1 }] };
		const copy = cloneJson(original);
		copy.list[0] = { n: 2 };
		expect(original).toEqual({ list: [{ n: 1 }] });
	});
});
