import { describe, expect, it } from "vitest";
import { ageSince, humanDuration } from "./human-duration.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("humanDuration", () => {
	it.each([
		[-2 * SECOND, "<invalid>"],
		[-1 * SECOND, "0s"],
		[0, "0s"],
		[1 * SECOND, "1s"],
		[70 * SECOND, "70s"],
		[119 * SECOND, "119s"],
		[120 * SECOND, "2m"],
		[190 * SECOND, "3m10s"],
		[10 * MINUTE, "10m"],
		[3 * HOUR - 1, "179m"],
		[3 * HOUR, "3h"],
		[3 * HOUR + 5 * MINUTE, "3h5m"],
		[8 * HOUR, "8h"],
		[47 * HOUR + 59 * MINUTE, "47h"],
		[48 * HOUR, "2d"],
		[49 * HOUR, "2d1h"],
		[8 * DAY, "8d"],
		[729 * DAY, "729d"],
		[730 * DAY, "2y"],
		[750 * DAY, "2y20d"],
		[8 * 365 * DAY, "8y"],
		[3650 * DAY, "10y"],
	])("prints %d ms as %s", (ms, text) => expect(humanDuration(ms)).toBe(text));

	it("does not know the age of what has no timestamp", () => {
		expect(ageSince(undefined, 0)).toBe("<unknown>");
		expect(ageSince("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:05:30Z"))).toBe("5m30s");
	});
});
