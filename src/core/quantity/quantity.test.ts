import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	addQuantities,
	canonicalQuantity,
	compareQuantities,
	isQuantity,
	milliValue,
	parseQuantity,
	quantityText,
	subtractQuantities,
	value,
} from "./quantity.ts";

describe("canonical text", () => {
	test.each([
		["0", "0"],
		["0Ki", "0"],
		["1000m", "1"],
		["0.5", "500m"],
		["1.5", "1500m"],
		["100m", "100m"],
		["1500M", "1500M"],
		["1000M", "1G"],
		["1024Mi", "1Gi"],
		["1.5Gi", "1536Mi"],
		["0.5Ki", "512"],
		["512Ki", "512Ki"],
		["1023", "1023"],
		["1e3", "1e3"],
		["1E3", "1e3"],
		["12e2", "1200"],
		["1E", "1E"],
		["-1.5Gi", "-1536Mi"],
		["+5k", "5k"],
		["0.0000000001", "1n"],
		["100Ei", "9223372036854775807"],
		["1.", "1"],
		[".5", "500m"],
		["3u", "3u"],
		["128974848", "128974848"],
	])("%s is %s", (text, expected) => {
		expect(canonicalQuantity(text)).toBe(expected);
	});
});

test.each(["", "1.1.M", "1+1.0M", "aoeu", " 1", "1 ", "--1", "1e"])("%j is refused for its form or suffix", (text) => {
	expect(isQuantity(text)).toBe(false);
});

test("the messages are upstream's", () => {
	expect(() => parseQuantity("abc")).toThrow("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	expect(() => parseQuantity("1i")).toThrow("unable to parse quantity's suffix");
});

test("values round up", () => {
	expect(value("1500m")).toBe(2);
	expect(value("1Ki")).toBe(1024);
	expect(milliValue("0.1")).toBe(100);
	expect(milliValue("1u")).toBe(1);
});

test("sums are exact and keep the first one's notation", () => {
	expect(quantityText(addQuantities(parseQuantity("0.1"), parseQuantity("0.2")))).toBe("300m");
	expect(quantityText(addQuantities(parseQuantity("1Gi"), parseQuantity("1k")))).toBe("1073742824");
	expect(quantityText(addQuantities(parseQuantity("0"), parseQuantity("1Gi")))).toBe("1Gi");
});

const quantity = fc
	.tuple(fc.integer({ min: -9999999, max: 9999999 }), fc.constantFrom("n", "u", "m", "", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e2", "e-3"))
	.map(([n, suffix]) => `${n}${suffix}`);

test("printing and parsing again changes nothing", () => {
	fc.assert(
		fc.property(quantity, (text) => {
			const parsed = parseQuantity(text);
			const printed = quantityText(parsed);
			expect(parseQuantity(printed).nano).toBe(parsed.nano);
			expect(canonicalQuantity(printed)).toBe(printed);
		}),
	);
});

test("subtraction undoes addition, and order agrees with it", () => {
	fc.assert(
		fc.property(quantity, quantity, (a, b) => {
			const [left, right] = [parseQuantity(a), parseQuantity(b)];
			expect(subtractQuantities(addQuantities(left, right), right).nano).toBe(left.nano);
			expect(compareQuantities(left, right)).toBe(-compareQuantities(right, left));
		}),
	);
});
