import { describe, expect, it } from "vitest";
import { nextTime } from "./next-time.ts";
import { parseSchedule } from "./parse-schedule.ts";
import { isTimeZone, timeZone } from "./time-zone.ts";

function following(schedule: string, after: string, zone = "UTC", count = 1): string[] {
	const parsed = parseSchedule(schedule);
	if (typeof parsed === "string") throw new Error(parsed);
	const times: string[] = [];
	let ms = Date.parse(after);
	for (let i = 0; i < count; i++) {
		const next = nextTime(parsed, ms, timeZone(zone));
		if (next === undefined) return [...times, "never"];
		ms = next;
		times.push(new Date(next).toISOString().replace(":00.000Z", "Z").replace(".000Z", "Z"));
	}
	return times;
}

describe("schedules", () => {
	it.each([
		["* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01Z"],
		["*/5 * * * *", "2026-01-01T00:05:00Z", "2026-01-01T00:10Z"],
		["7/20 * * * *", "2026-01-01T00:28:00Z", "2026-01-01T00:47Z"],
		["0 9-17/4 * * *", "2026-01-01T13:00:00Z", "2026-01-01T17:00Z"],
		["30 4 1,15 * *", "2026-01-02T00:00:00Z", "2026-01-15T04:30Z"],
		["0 0 * feb mon-FRI", "2026-01-01T00:00:00Z", "2026-02-02T00:00Z"],
		["0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00Z"],
		["0 0 30 2 *", "2026-01-01T00:00:00Z", "never"],
		["0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00Z"],
		["0 0 */2 * 1", "2026-01-01T00:00:00Z", "2026-01-03T00:00Z"],
		["0 0 ? * 0", "2026-01-01T00:00:00Z", "2026-01-04T00:00Z"],
		["@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00Z"],
		["@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00Z"],
		["@midnight", "2026-01-01T00:00:00Z", "2026-01-02T00:00Z"],
		["@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00Z"],
		["@monthly", "2026-01-01T00:00:00Z", "2026-02-01T00:00Z"],
		["@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00Z"],
		["@annually", "2026-06-01T00:00:00Z", "2027-01-01T00:00Z"],
		["@every 1h30m", "2026-01-01T00:00:10.5Z", "2026-01-01T01:30:10Z"],
		["@every 10ms", "2026-01-01T00:00:10Z", "2026-01-01T00:00:11Z"],
	])("%s after %s is %s", (schedule, after, next) => {
		expect(following(schedule, after)).toEqual([next]);
	});

	it("follows the clocks of a time zone", () => {
		expect(following("0 9 * * *", "2026-03-28T00:00:00Z", "Europe/Berlin", 2)).toEqual(["2026-03-28T08:00Z", "2026-03-29T07:00Z"]);
		expect(following("30 0 * * *", "2026-01-01T00:00:00Z", "Asia/Kolkata")).toEqual(["2026-01-01T19:00Z"]);
	});

	// The cases of robfig/cron's own spec_test.go: an hour that is left out, and one that comes twice.
	it("leaves out what falls into the hour that clocks skip", () => {
		expect(following("30 2 11 3 *", "2012-03-11T05:00:00Z", "America/New_York")).toEqual(["2013-03-11T06:30Z"]);
		expect(following("0 * * * *", "2012-03-11T05:00:00Z", "America/New_York", 3)).toEqual(["2012-03-11T06:00Z", "2012-03-11T07:00Z", "2012-03-11T08:00Z"]);
	});

	it("comes twice in the hour that clocks repeat", () => {
		expect(following("0 1 4 11 *", "2012-11-04T04:00:00Z", "America/New_York", 2)).toEqual(["2012-11-04T05:00Z", "2012-11-04T06:00Z"]);
		expect(following("0 2 4 11 *", "2012-11-04T04:00:00Z", "America/New_York")).toEqual(["2012-11-04T07:00Z"]);
	});

	it("begins days whose midnight is skipped when they begin", () => {
		expect(following("0 12 5 11 *", "2023-11-01T00:00:00Z", "America/Sao_Paulo")).toEqual(["2023-11-05T15:00Z"]);
		expect(following("0 0 * * *", "2018-11-03T05:00:00Z", "America/Sao_Paulo")).toEqual(["2018-11-05T02:00Z"]);
	});

	it.each([
		["", "empty spec string"],
		["* * * *", "expected exactly 5 fields, found 4: [* * * *]"],
		["60 * * * *", "end of range (60) above maximum (59): 60"],
		["* * 0 * *", "beginning of range (0) below minimum (1): 0"],
		["5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"],
		["1-2-3 * * * *", "too many hyphens: 1-2-3"],
		["1/2/3 * * * *", "too many slashes: 1/2/3"],
		["*/0 * * * *", "step of range should be a positive number: */0"],
		["x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
		["* * * * 7", "end of range (7) above maximum (6): 7"],
		["@never", "unrecognized descriptor: @never"],
		["@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'],
	])("refuses %s", (schedule, message) => {
		expect(parseSchedule(schedule)).toBe(message);
	});

	it("knows the zones of the IANA database, and no offsets", () => {
		expect(["UTC", "Europe/Berlin", "Mars/Base", "+01:00", ""].map(isTimeZone)).toEqual([true, true, false, false, false]);
	});
});
