/** The scalars that Go types read and print in a form of their own: times, quantities, durations, bytes. */
import type { Json } from "../meta/object.ts";
import { canonicalQuantity as canonicalQuantityText, QuantityError } from "../quantity/quantity.ts";
import { durationText, parseDuration } from "./duration-text.ts";

/** A value that upstream's decoder refuses; the message is upstream's. */
export class UnmarshalError extends Error {
	override readonly name = "UnmarshalError";
}

const RFC3339 = "2006-01-02T15:04:05Z07:00";
const RFC3339_MICRO = "2006-01-02T15:04:05.000000Z07:00";
const ZERO_TIME_MS = Date.UTC(2000, 0, 1) - 63_082_281_600_000;
const CANONICAL_TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

function textOf(value: Json): string {
	if (typeof value === "string") return value;
	const found = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
	throw new UnmarshalError(`json: cannot unmarshal ${found} into Go value of type string`);
}

/** The pieces of the layout in order: a number of so many digits, or the text itself. */
const LAYOUT_PIECES: readonly { layout: string; digits: number }[] = [
	{ layout: "2006", digits: 4 },
	{ layout: "-", digits: 0 },
	{ layout: "01", digits: 2 },
	{ layout: "-", digits: 0 },
	{ layout: "02", digits: 2 },
	{ layout: "T", digits: 0 },
	{ layout: "15", digits: 2 },
	{ layout: ":", digits: 0 },
	{ layout: "04", digits: 2 },
	{ layout: ":", digits: 0 },
	{ layout: "05", digits: 2 },
];

/** Go's time.Parse for the two layouts; returns milliseconds since 1970 and the microseconds within the second. */
function parseTime(text: string, layout: string): { ms: number; micros: number } {
	const fail = (why: string) => new UnmarshalError(`parsing time ${JSON.stringify(text)}${why}`);
	const cannotParse = (rest: string, piece: string) => fail(` as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(piece)}`);
	let rest = text;
	const numbers: number[] = [];
	for (const { layout: piece, digits } of LAYOUT_PIECES) {
		const part = rest.slice(0, digits || 1);
		if (digits === 0 ? part !== piece : part.length < digits || !/^\d+$/.test(part)) throw cannotParse(rest, piece);
		if (digits > 0) numbers.push(Number(part));
		rest = rest.slice(part.length);
	}
	const fraction = (layout === RFC3339_MICRO ? /^[.,]\d{6}/ : /^[.,]\d+/).exec(rest)?.[0] ?? "";
	if (layout === RFC3339_MICRO && fraction === "") throw cannotParse(rest, ".000000");
	const zoneText = rest.slice(fraction.length);
	const zone = /^(?:Z|([+-])(\d\d):(\d\d))/.exec(zoneText);
	if (!zone) throw cannotParse(zoneText, "Z07:00");
	if (zone[0].length < zoneText.length) throw fail(`: extra text: ${JSON.stringify(zoneText.slice(zone[0].length))}`);
	const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
	const date = new Date(0);
	date.setUTCFullYear(year, month - 1, day);
	if (month < 1 || month > 12) throw fail(": month out of range");
	if (day < 1 || date.getUTCDate() !== day) throw fail(": day out of range");
	if (hour > 23) throw fail(": hour out of range");
	if (minute > 59) throw fail(": minute out of range");
	if (second > 59) throw fail(": second out of range");
	const zoneMinutes = (zone[1] === "-" ? -1 : 1) * (Number(zone[2] ?? 0) * 60 + Number(zone[3] ?? 0));
	const ms = date.getTime() + ((hour * 60 + minute - zoneMinutes) * 60 + second) * 1000;
	return { ms, micros: Number(fraction.slice(1, 7).padEnd(6, "0")) };
}

/** `2006-01-02T15:04:05` of an instant, in UTC. */
const secondsText = (ms: number): string => new Date(ms).toISOString().slice(0, -5);

/** metav1.Time: RFC 3339 to the second, in UTC; Go's zero time is null. */
export function canonicalTime(value: Json): Json {
	const text = textOf(value);
	if (CANONICAL_TIME.test(text) && !text.startsWith("0001-01-01")) return text;
	const { ms } = parseTime(text, RFC3339);
	return ms === ZERO_TIME_MS ? null : `${secondsText(ms)}Z`;
}

/** metav1.MicroTime: as Time, with six digits after the point. */
export function canonicalMicroTime(value: Json): Json {
	const { ms, micros } = parseTime(textOf(value), RFC3339_MICRO);
	return ms === ZERO_TIME_MS && micros === 0 ? null : `${secondsText(ms)}.${String(micros).padStart(6, "0")}Z`;
}

/** What the codec needs of a canonical time: whole seconds since 1970 and nanoseconds. */
export function timeToUnix(text: string): { seconds: number; nanos: number } {
	const { ms, micros } = parseTime(text, text.includes(".") ? RFC3339_MICRO : RFC3339);
	return { seconds: ms / 1000, nanos: micros * 1000 };
}

/** The reverse of timeToUnix. Throws UnmarshalError beyond the years that RFC 3339 can write. */
export function unixToTime(seconds: number, nanos: number, micro: boolean): Json {
	const ms = seconds * 1000;
	if (!(ms >= Date.UTC(0, 0, 1) - 1900 * 366 * 86_400_000 && ms <= Date.UTC(9999, 11, 31, 23, 59, 59)))
		throw new UnmarshalError("Time.MarshalJSON: year outside of range [0,9999]");
	if (ms === ZERO_TIME_MS && nanos === 0) return null;
	return micro ? `${secondsText(ms)}.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z` : `${secondsText(ms)}Z`;
}

/** resource.Quantity: text or a bare number, in canonical form. */
export function canonicalQuantity(value: Json): Json {
	try {
		return canonicalQuantityText(typeof value === "string" ? value.trim() : typeof value === "object" ? "" : String(value));
	} catch (error) {
		throw error instanceof QuantityError ? new UnmarshalError(error.message, { cause: error }) : error;
	}
}

/** metav1.Duration. */
export function canonicalDuration(value: Json): Json {
	const text = textOf(value);
	const nanos = parseDuration(text);
	if (nanos === undefined) throw new UnmarshalError(`time: invalid duration ${JSON.stringify(text)}`);
	return durationText(nanos);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** []byte: standard base64; line ends within are passed over and stray bits of the last digit cleared, as Go does. */
export function canonicalBytes(value: string): string {
	const text = /[\r\n]/.test(value) ? value.replace(/[\r\n]/g, "") : value;
	const bad = text.search(/[^A-Za-z0-9+/=]/);
	const digits = bad < 0 ? (/^[^=]*/.exec(text)?.[0].length ?? 0) : bad;
	if (bad >= 0) throw new UnmarshalError(`illegal base64 data at input byte ${bad}`);
	const padding = text.length - digits;
	if (text.length % 4 !== 0 || padding > 2 || (padding > 0 && !text.endsWith("=".repeat(padding)))) {
		throw new UnmarshalError(`illegal base64 data at input byte ${padding > 0 ? digits : Math.floor(text.length / 4) * 4}`);
	}
	if (padding === 0) return text;
	const last = ALPHABET.indexOf(text[digits - 1] as string);
	const cleared = padding === 1 ? last & 0b111100 : last & 0b110000;
	return cleared === last ? text : `${text.slice(0, digits - 1)}${ALPHABET[cleared]}${"=".repeat(padding)}`;
}
