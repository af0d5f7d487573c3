/** Schedules in cron's notation, with the grammar and the words of github.com/robfig/cron/v3's ParseStandard. */
import { parseDuration } from "../schema/duration-text.ts";

/** Values that match a field, and whether it was written as "*" or "?". */
export interface FieldMatch {
	values: ReadonlySet<number>;
	any: boolean;
}

export type Schedule =
	| { type: "fields"; minute: FieldMatch; hour: FieldMatch; dayOfMonth: FieldMatch; month: FieldMatch; dayOfWeek: FieldMatch }
	/** @every: `periodMs` after the last time. */
	| { type: "every"; periodMs: number };

interface Bounds {
	min: number;
	max: number;
	names?: Readonly<Record<string, number>>;
}

const numbered = (names: string, from: number): Record<string, number> => Object.fromEntries(names.split(" ").map((name, i) => [name, i + from]));
const MINUTES: Bounds = { min: 0, max: 59 };
const HOURS: Bounds = { min: 0, max: 23 };
const DAYS: Bounds = { min: 1, max: 31 };
const MONTHS: Bounds = { min: 1, max: 12, names: numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1) };
const WEEKDAYS: Bounds = { min: 0, max: 6, names: numbered("sun mon tue wed thu fri sat", 0) };
const FIELDS = [MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS] as const;

const DESCRIPTORS: Readonly<Record<string, string>> = {
	"@yearly": "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
	"@monthly": "0 0 1 * *",
	"@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@hourly": "0 * * * *",
};
const NS_PER_SECOND = 1_000_000_000n;

/** What is wrong, thrown inside this file alone. */
class ScheduleError extends Error {}

/** The schedule, or what is wrong with it. */
export function parseSchedule(text: string): Schedule | string {
	try {
		return parse(text);
	} catch (error) {
		if (error instanceof ScheduleError) return error.message;
		throw error;
	}
}

function parse(text: string): Schedule {
	if (text === "") throw new ScheduleError("empty spec string");
	if (text.startsWith("@")) return parseDescriptor(text);
	const fields = text.split(/\s+/u).filter((field) => field !== "");
	if (fields.length !== FIELDS.length) throw new ScheduleError(`expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(" ")}]`);
	const [minute, hour, dayOfMonth, month, dayOfWeek] = FIELDS.map((bounds, i) => parseField(fields[i] ?? "", bounds)) as [
		FieldMatch,
		FieldMatch,
		FieldMatch,
		FieldMatch,
		FieldMatch,
	];
	return { type: "fields", minute, hour, dayOfMonth, month, dayOfWeek };
}

function parseDescriptor(text: string): Schedule {
	const fields = DESCRIPTORS[text];
	if (fields !== undefined) return parse(fields);
	const every = "@every ";
	if (!text.startsWith(every)) throw new ScheduleError(`unrecognized descriptor: ${text}`);
	const nanos = parseDuration(text.slice(every.length));
	if (nanos === undefined) throw new ScheduleError(`failed to parse duration ${text}: time: invalid duration ${JSON.stringify(text.slice(every.length))}`);
	const seconds = nanos < NS_PER_SECOND ? 1n : nanos / NS_PER_SECOND;
	return { type: "every", periodMs: Number(seconds) * 1000 };
}

/** A list of ranges. */
function parseField(text: string, bounds: Bounds): FieldMatch {
	const values = new Set<number>();
	let any = false;
	for (const part of text.split(",").filter((one) => one !== "")) any = parseRange(part, bounds, values) || any;
	return { values, any };
}

/** number | number "-" number [ "/" number ] | ("*" | "?") [ "/" number ]. Adds to `values`; true when it stands for all. */
function parseRange(text: string, bounds: Bounds, values: Set<number>): boolean {
	const rangeAndStep = text.split("/");
	const lowAndHigh = (rangeAndStep[0] ?? "").split("-");
	const single = lowAndHigh.length === 1;
	const star = lowAndHigh[0] === "*" || lowAndHigh[0] === "?";
	let start = bounds.min;
	let end = bounds.max;
	if (!star) {
		start = parseNumberOrName(lowAndHigh[0] ?? "", bounds);
		if (lowAndHigh.length > 2) throw new ScheduleError(`too many hyphens: ${text}`);
		end = single ? start : parseNumberOrName(lowAndHigh[1] ?? "", bounds);
	}
	let step = 1;
	if (rangeAndStep.length > 2) throw new ScheduleError(`too many slashes: ${text}`);
	if (rangeAndStep.length === 2) {
		step = parseNumber(rangeAndStep[1] ?? "");
		// "N/step" means "N-max/step".
		if (single) end = bounds.max;
	}
	if (start < bounds.min) throw new ScheduleError(`beginning of range (${start}) below minimum (${bounds.min}): ${text}`);
	if (end > bounds.max) throw new ScheduleError(`end of range (${end}) above maximum (${bounds.max}): ${text}`);
	if (start > end) throw new ScheduleError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
	if (step === 0) throw new ScheduleError(`step of range should be a positive number: ${text}`);
	for (let value = start; value <= end; value += step) values.add(value);
	return star && step === 1;
}

const parseNumberOrName = (text: string, { names }: Bounds): number => names?.[text.toLowerCase()] ?? parseNumber(text);

function parseNumber(text: string): number {
	if (!/^[+-]?[0-9]+$/.test(text)) throw new ScheduleError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
	const number = Number(text);
	if (number < 0) throw new ScheduleError(`negative number (${number}) not allowed: ${text}`);
	return number;
}
