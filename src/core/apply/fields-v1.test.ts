import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { difference, type FieldSet, intersection, isFieldSet, pathsOf, pathText, recursiveDifference, sortedSet, union } from "./fields-v1.ts";

/** A set built from paths, one by one. */
function setOf(paths: readonly (readonly string[])[]): FieldSet | undefined {
	let set: FieldSet | undefined;
	for (const path of paths)
		set = union(
			set,
			[...path].reverse().reduce<FieldSet>((below, element) => ({ [element]: below }), {}),
		);
	return set;
}

const textsOf = (set: FieldSet | undefined): Set<string> => new Set(set === undefined ? [] : pathsOf(set).map((path) => path.join("/")));
const element = fc.constantFrom("f:a", "f:b", 'k:{"n":1}', 'v:"x"');
const paths = fc.array(fc.array(element, { minLength: 1, maxLength: 3 }), { maxLength: 8 });

describe("set operations agree with sets of paths", () => {
	const check = (
		operate: (a: FieldSet | undefined, b: FieldSet | undefined) => FieldSet | undefined,
		expected: (path: string, a: Set<string>, b: Set<string>) => boolean,
	) =>
		fc.assert(
			fc.property(paths, paths, (left, right) => {
				const [a, b] = [setOf(left), setOf(right)];
				const before = JSON.stringify([a, b]);
				const [inA, inB] = [textsOf(a), textsOf(b)];
				const wanted = [...new Set([...inA, ...inB])].filter((path) => expected(path, inA, inB));
				expect([...textsOf(operate(a, b))].sort()).toEqual(wanted.sort());
				expect(JSON.stringify([a, b])).toBe(before);
			}),
		);

	test("union", () => check(union, () => true));
	test("difference", () => check(difference, (path, a, b) => a.has(path) && !b.has(path)));
	test("intersection", () => check(intersection, (path, a, b) => a.has(path) && b.has(path)));
	test("recursive difference", () =>
		check(recursiveDifference, (path, a, b) => {
			const parts = path.split("/");
			return a.has(path) && !parts.some((_, i) => b.has(parts.slice(0, i + 1).join("/")));
		}));

	test("sorting keeps every path", () => {
		fc.assert(
			fc.property(paths, (list) => {
				const set = setOf(list);
				if (set !== undefined) expect(textsOf(sortedSet(set))).toEqual(textsOf(set));
			}),
		);
	});
});

test("paths read as upstream's", () => {
	expect(pathText(["f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name"])).toBe('.spec.ports[port=80,protocol="TCP"].name');
	expect(pathText(["f:metadata", "f:finalizers", 'v:"a/b"'])).toBe('.metadata.finalizers[="a/b"]');
	expect(pathText(["f:x", "i:3"])).toBe(".x[3]");
});

test.each([
	[{ "f:a": { ".": {}, "f:b": {} } }, true],
	[{ "f:a": 1 }, false],
	[{ "f:a": [] }, false],
	[{ a: {} }, false],
	[{ "k:{": {} }, false],
	[{ "k:1": {} }, false],
	[null, false],
	[[], false],
])("%j is a field set: %s", (value, expected) => {
	expect(isFieldSet(value)).toBe(expected);
});
