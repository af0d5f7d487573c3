import { describe, expect, it } from "vitest";
import { durationText, parseDuration } from "./duration-text.ts";

describe("durations", () => {
	it.each([
		["1h30m", "1h30m0s"],
		["90m", "1h30m0s"],
		["1.5s", "1.5s"],
		["100ms", "100ms"],
		["-2us", "-2µs"],
		["7ns", "7ns"],
		["0", "0s"],
		["61s", "1m1s"],
	])("prints %s as %s", (text, printed) => expect(durationText(parseDuration(text) ?? -1n)).toBe(printed));

	it.each(["", "1", "1d", "s", "1h-3m", "9999999999h"])("refuses %j", (text) => expect(parseDuration(text)).toBeUndefined());
});
