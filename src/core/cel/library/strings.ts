/** cel-go's functions of texts (ext/strings.go, version 2), and Kubernetes' of regular expressions (library/regex.go). Places are counted in code points. */
import { regexMatch, sizeOf, STRING_FACTOR } from "../call-cost.ts";
import { type CallCost, fn, method, type Overload } from "../functions.ts";
import { patternOf } from "../standard-functions.ts";
import { ArrayList, CelFailure, type CelList, type CelValue } from "../values.ts";
import { formatText } from "./format-text.ts";

const traversal: CallCost = ([text]) => Math.ceil(sizeOf(text) * STRING_FACTOR);
/** Read through, and written again. */
const rewrite: CallCost = ([text]) => Math.ceil(sizeOf(text) * 2 * STRING_FACTOR);
/** Texts of indexOf count as data that is read through. */
const placing: CallCost = ([text]) => Math.floor(sizeOf(text) * STRING_FACTOR);

function bounded(index: bigint, max: number): number {
	if (index < 0n || index > BigInt(max)) throw new CelFailure(`index out of range: ${index}`);
	return Number(index);
}

function charAt(text: string, index: bigint): string {
	const points = [...text];
	return points[bounded(index, points.length)] ?? "";
}

function matchesAt(points: readonly string[], part: readonly string[], at: number): boolean {
	for (let index = 0; index < part.length; index++) if (points[at + index] !== part[index]) return false;
	return true;
}

function indexOf(text: string, part: string, from = 0n): bigint {
	const points = [...text];
	const wanted = [...part];
	if (wanted.length === 0) return from;
	for (let at = bounded(from, points.length); at <= points.length - wanted.length; at++) if (matchesAt(points, wanted, at)) return BigInt(at);
	return -1n;
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
	const points = [...text];
	const wanted = [...part];
	const start = from === undefined ? points.length : bounded(from, points.length);
	if (wanted.length === 0) return BigInt(start);
	for (let at = Math.min(start, points.length - wanted.length); at >= 0; at--) if (matchesAt(points, wanted, at)) return BigInt(at);
	return -1n;
}

function substring(text: string, start: bigint, end?: bigint): string {
	const points = [...text];
	const to = end === undefined ? points.length : bounded(end, points.length);
	const from = bounded(start, points.length);
	if (from > to) throw new CelFailure(`invalid substring range. start: ${from}, end: ${to}`);
	return points.slice(from, to).join("");
}

function replace(text: string, old: string, replacement: string, limit = -1n): string {
	const pieces = old === "" ? ["", ...text, ""] : text.split(old);
	if (limit < 0n || limit >= BigInt(pieces.length - 1)) return pieces.join(replacement);
	const count = Number(limit);
	return [...pieces.slice(0, count), pieces.slice(count).join(old)].join(replacement);
}

function split(text: string, separator: string, limit = -1n): CelList {
	if (limit === 0n) return new ArrayList([]);
	const pieces = separator === "" ? [...text] : text.split(separator);
	if (limit < 0n || limit >= BigInt(pieces.length)) return new ArrayList(pieces);
	const count = Number(limit) - 1;
	return new ArrayList([...pieces.slice(0, count), pieces.slice(count).join(separator)]);
}

function join(list: CelList, separator = ""): string {
	const texts: string[] = [];
	for (const item of list) {
		if (typeof item !== "string") throw new CelFailure("no such overload");
		texts.push(item);
	}
	return texts.join(separator);
}

const lowerAscii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const upperAscii = (text: string): string => text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
/** Unicode's White_Space. */
const trim = (text: string): string => text.replace(/^[\p{White_Space}]+|[\p{White_Space}]+$/gu, "");

const QUOTES: Readonly<Record<string, string>> = {
	"\x07": "\\a",
	"\b": "\\b",
	"\f": "\\f",
	"\n": "\\n",
	"\r": "\\r",
	"\t": "\\t",
	"\v": "\\v",
	"\\": "\\\\",
	'"': '\\"',
};
const quote = (text: string): string => `"${text.replace(/[\x07\b\f\n\r\t\v\\"]/g, (char) => QUOTES[char] ?? char)}"`;

/** Each find goes on behind the one before; one of nothing goes on a character further. */
function findAll(text: string, pattern: string, limit = -1n): CelList {
	return new ArrayList(patternOf(pattern).findAll(text, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)));
}

const REGEX: readonly Overload[] = [
	method("string.find(string) -> string", (text: string, pattern: string) => patternOf(pattern).findAll(text, 1)[0] ?? "", regexMatch),
	method("string.findAll(string) -> list<string>", findAll, regexMatch),
	method("string.findAll(string, int) -> list<string>", findAll, regexMatch),
];

const joined: CallCost = (_, result) => Math.ceil(sizeOf(result as CelValue) * 2 * STRING_FACTOR);

export const STRINGS: readonly Overload[] = [
	method("string.charAt(int) -> string", charAt),
	method("string.indexOf(string) -> int", indexOf, placing),
	method("string.indexOf(string, int) -> int", indexOf, placing),
	method("string.lastIndexOf(string) -> int", lastIndexOf, placing),
	method("string.lastIndexOf(string, int) -> int", lastIndexOf, placing),
	method("string.substring(int) -> string", substring, traversal),
	method("string.substring(int, int) -> string", substring, traversal),
	method("string.replace(string, string) -> string", replace, rewrite),
	method("string.replace(string, string, int) -> string", replace, rewrite),
	method("string.split(string) -> list<string>", split, rewrite),
	method("string.split(string, int) -> list<string>", split, rewrite),
	method("list<string>.join() -> string", join, joined),
	method("list<string>.join(string) -> string", join, joined),
	method("string.lowerAscii() -> string", lowerAscii, traversal),
	method("string.upperAscii() -> string", upperAscii, traversal),
	method("string.trim() -> string", trim, traversal),
	method("string.format(list<dyn>) -> string", formatText, traversal),
	fn("strings.quote(string) -> string", quote, traversal),
	...REGEX,
];
