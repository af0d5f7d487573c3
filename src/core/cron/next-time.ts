/**
 * When a schedule comes next, by the steps of github.com/robfig/cron/v3: over a change of clocks, a time that does not
 * exist is left out or comes an hour later, and an hour that comes twice counts twice, just as there.
 */
import type { FieldMatch, Schedule } from "./parse-schedule.ts";
import type { LocalTime, TimeZone } from "./time-zone.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** A schedule such as 30 February never comes: the search ends. */
const YEARS_AHEAD_MAX = 5;

type Fields = Extract<Schedule, { type: "fields" }>;

/** The first time after `afterMs`, in milliseconds since 1970; undefined when there is none within five years. */
export function nextTime(schedule: Schedule, afterMs: number, zone: TimeZone): number | undefined {
	const secondMs = Math.floor(afterMs / SECOND_MS) * SECOND_MS;
	if (schedule.type === "every") return secondMs + schedule.periodMs;
	const lastYear = zone.local(secondMs + SECOND_MS).year + YEARS_AHEAD_MAX;
	const cursor: Cursor = { ms: secondMs + SECOND_MS, moved: false };
	while (zone.local(cursor.ms).year <= lastYear) {
		if (
			toMonth(schedule, cursor, zone) &&
			toDay(schedule, cursor, zone) &&
			toHour(schedule, cursor, zone) &&
			toMinute(schedule, cursor, zone) &&
			toSecond(cursor, zone)
		)
			return cursor.ms;
	}
	return undefined;
}

interface Cursor {
	ms: number;
	/** Whether the smaller units have been set to their beginning. */
	moved: boolean;
}

// Each step goes on to the next fitting unit; false when the larger unit changed, so that the search begins again.

function toMonth({ month }: Fields, cursor: Cursor, zone: TimeZone): boolean {
	for (let at = zone.local(cursor.ms); !month.values.has(at.month); at = zone.local(cursor.ms)) {
		cursor.ms = cursor.moved ? sameClock(zone, at, at.month + 1, at.day) : zone.at(at.year, at.month + 1, 1, 0);
		cursor.moved = true;
		if (zone.local(cursor.ms).month === 1) return false;
	}
	return true;
}

function toDay(schedule: Fields, cursor: Cursor, zone: TimeZone): boolean {
	for (let at = zone.local(cursor.ms); !dayMatches(schedule, at); at = zone.local(cursor.ms)) {
		if (!cursor.moved) cursor.ms = zone.at(at.year, at.month, at.day, 0);
		cursor.moved = true;
		const from = zone.local(cursor.ms);
		cursor.ms = sameClock(zone, from, from.month, from.day + 1);
		// Where clocks change at midnight the day does not begin at 0 o'clock.
		const { hour } = zone.local(cursor.ms);
		if (hour !== 0) cursor.ms += (hour > 12 ? 24 - hour : -hour) * HOUR_MS;
		if (zone.local(cursor.ms).day === 1) return false;
	}
	return true;
}

function toHour({ hour }: Fields, cursor: Cursor, zone: TimeZone): boolean {
	for (let at = zone.local(cursor.ms); !hour.values.has(at.hour); at = zone.local(cursor.ms)) {
		if (!cursor.moved) cursor.ms = zone.at(at.year, at.month, at.day, at.hour);
		cursor.moved = true;
		cursor.ms += HOUR_MS;
		if (zone.local(cursor.ms).hour === 0) return false;
	}
	return true;
}

function toMinute({ minute }: Fields, cursor: Cursor, zone: TimeZone): boolean {
	for (let at = zone.local(cursor.ms); !minute.values.has(at.minute); at = zone.local(cursor.ms)) {
		if (!cursor.moved) cursor.ms = Math.floor(cursor.ms / MINUTE_MS) * MINUTE_MS;
		cursor.moved = true;
		cursor.ms += MINUTE_MS;
		if (zone.local(cursor.ms).minute === 0) return false;
	}
	return true;
}

/** Standard schedules come at second 0. */
function toSecond(cursor: Cursor, zone: TimeZone): boolean {
	const { second } = zone.local(cursor.ms);
	if (second === 0) return true;
	cursor.ms += (60 - second) * SECOND_MS;
	cursor.moved = true;
	return zone.local(cursor.ms).second !== 0;
}

/** time.AddDate: the same time of day on another day. Only whole hours are asked for here. */
const sameClock = (zone: TimeZone, at: LocalTime, month: number, day: number): number => zone.at(at.year, month, day, at.hour);

/** With both day fields restricted a day that fits either will do. */
function dayMatches({ dayOfMonth, dayOfWeek }: Fields, at: LocalTime): boolean {
	const fits = (field: FieldMatch, value: number): boolean => field.values.has(value);
	const inMonth = fits(dayOfMonth, at.day);
	const inWeek = fits(dayOfWeek, at.weekday);
	return dayOfMonth.any || dayOfWeek.any ? inMonth && inWeek : inMonth || inWeek;
}
