/** Instants and durations as text and as parts of a date (cel-spec, "Timestamps and durations"). */
import { parseDuration } from "../schema/duration-text.ts";
import { fn, method, type Overload } from "./functions.ts";
import { asTimestamp } from "./operators.ts";
import { CelFailure, Duration, Timestamp } from "./values.ts";

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;
const FIXED_ZONE = /^([+-]?)(\d{1,2}):(\d{2})$/;
const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;

/** The instant that a text in RFC 3339 tells; undefined where it tells none. */
export function parseTimestamp(text: string): Timestamp | undefined {
	const found = RFC_3339.exec(text);
	if (found === null) return undefined;
	const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [number, number, number, number, number, number];
	const date = new Date(0);
	date.setUTCFullYear(year, month - 1, day);
	const isDate = month >= 1 && month <= 12 && day >= 1 && date.getUTCDate() === day;
	if (!isDate || hour > 23 || minute > 59 || second > 59) return undefined;
	const zoneMinutes = (found[8] === "-" ? -1 : 1) * (Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0));
	const seconds = date.getTime() / 1000 + (hour * 60 + minute - zoneMinutes) * 60 + second;
	return new Timestamp(BigInt(seconds) * 1_000_000_000n + BigInt((found[7] ?? "").padEnd(9, "0")));
}

function timestampOf(text: string): Timestamp {
	const found = parseTimestamp(text);
	if (found === undefined) throw new CelFailure(`parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse`);
	return asTimestamp(found.nanos);
}

function durationOf(text: string): Duration {
	const nanos = parseDuration(text);
	if (nanos === undefined) throw new CelFailure(`time: invalid duration ${JSON.stringify(text)}`);
	return new Duration(nanos);
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** Zones kept at hand; beyond it all are forgotten. */
const FORMATS_MAX = 50;

function formatOf(zone: string): Intl.DateTimeFormat {
	let format = formats.get(zone);
	if (format === undefined) {
		const numeric = "numeric";
		const parts = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric } as const;
		format = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", era: "short", ...parts });
		if (formats.size >= FORMATS_MAX) formats.clear();
		formats.set(zone, format);
	}
	return format;
}

function zonedMs(ms: number, zone: string): number {
	let parts: Intl.DateTimeFormatPart[];
	try {
		parts = formatOf(zone).formatToParts(ms);
	} catch {
		throw new CelFailure(`unknown time zone ${zone}`);
	}
	const number = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
	const date = new Date(0);
	date.setUTCFullYear(number("year"), number("month") - 1, number("day"));
	date.setUTCHours(number("hour"), number("minute"), number("second"), ((ms % 1000) + 1000) % 1000);
	return date.getTime();
}

/** The instant as if the zone's clock were UTC's. */
function localDate({ ms }: Timestamp, zone: string): Date {
	if (zone === "" || zone === "UTC") return new Date(ms);
	const fixed = FIXED_ZONE.exec(zone);
	if (fixed) return new Date(ms + (fixed[1] === "-" ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * MS_PER_MINUTE);
	return new Date(zonedMs(ms, zone));
}

const dayOfYear = (date: Date): number => Math.floor((date.getTime() - new Date(0).setUTCFullYear(date.getUTCFullYear(), 0, 1)) / MS_PER_DAY);

const PARTS: Readonly<Record<string, (date: Date) => number>> = {
	getFullYear: (date) => date.getUTCFullYear(),
	getMonth: (date) => date.getUTCMonth(),
	getDayOfYear: dayOfYear,
	getDayOfMonth: (date) => date.getUTCDate() - 1,
	getDate: (date) => date.getUTCDate(),
	getDayOfWeek: (date) => date.getUTCDay(),
	getHours: (date) => date.getUTCHours(),
	getMinutes: (date) => date.getUTCMinutes(),
	getSeconds: (date) => date.getUTCSeconds(),
	getMilliseconds: (date) => date.getUTCMilliseconds(),
};

const DURATION_PARTS: Readonly<Record<string, (nanos: bigint) => bigint>> = {
	getHours: (nanos) => nanos / 3_600_000_000_000n,
	getMinutes: (nanos) => nanos / 60_000_000_000n,
	getSeconds: (nanos) => nanos / 1_000_000_000n,
	getMilliseconds: (nanos) => nanos / 1_000_000n,
};

export const TIMESTAMPS: readonly Overload[] = [
	...Object.entries(PARTS).flatMap(([name, part]) => [
		method(`timestamp.${name}() -> int`, (time: Timestamp) => BigInt(part(localDate(time, "")))),
		method(`timestamp.${name}(string) -> int`, (time: Timestamp, zone: string) => BigInt(part(localDate(time, zone)))),
	]),
	...Object.entries(DURATION_PARTS).map(([name, part]) => method(`duration.${name}() -> int`, ({ nanos }: Duration) => part(nanos))),
	fn("duration(duration) -> duration", (value: Duration) => value),
	fn("duration(string) -> duration", durationOf),
	fn("duration(int) -> duration", (nanos: bigint) => new Duration(nanos)),
	fn("timestamp(timestamp) -> timestamp", (value: Timestamp) => value),
	fn("timestamp(string) -> timestamp", timestampOf),
	fn("timestamp(int) -> timestamp", (seconds: bigint) => asTimestamp(seconds * 1_000_000_000n)),
];
