/** The functions of the language itself: sizes, conversions, texts, types, optional values (cel-spec and cel-go's optional library). */
import { compilePattern } from "../regex/pattern.ts";
import { regexMatch, search, sizeOf, traversal } from "./call-cost.ts";
import { fn, method, type Overload } from "./functions.ts";
import { asInt, asUint } from "./operators.ts";
import { CelFailure, type CelMap, type CelValue, Duration, LiteralMap, Opaque, Optional, Timestamp, TypeValue, typeName, Uint } from "./values.ts";

const NANOS_PER_SECOND = 1_000_000_000n;

const SIZES: Overload[] = ["string", "bytes", "list<A>", "map<A, B>"].flatMap((type) => [
	fn(`size(${type}) -> int`, (value: CelValue) => BigInt(sizeOf(value))),
	method(`${type}.size() -> int`, (value: CelValue) => BigInt(sizeOf(value))),
]);

function intOfDouble(value: number): bigint {
	if (!Number.isFinite(value) || value >= 2 ** 63 || value <= -(2 ** 63)) throw new CelFailure("integer overflow");
	return BigInt(Math.trunc(value));
}

function uintOfDouble(value: number): Uint {
	if (!Number.isFinite(value) || value < 0 || value >= 2 ** 64) throw new CelFailure("unsigned integer overflow");
	return new Uint(BigInt(Math.trunc(value)));
}

function intOfText(text: string): bigint {
	if (!/^[+-]?\d+$/.test(text)) throw new CelFailure(`type conversion error from 'string' to 'int'`);
	return asInt(BigInt(text.replace("+", "")));
}

function uintOfText(text: string): Uint {
	if (!/^\d+$/.test(text)) throw new CelFailure(`type conversion error from 'string' to 'uint'`);
	return asUint(BigInt(text));
}

const NUMBER = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)$/i;

function doubleOfText(text: string): number {
	if (!NUMBER.test(text)) throw new CelFailure(`type conversion error from 'string' to 'double'`);
	if (/nan/i.test(text)) return Number.NaN;
	if (/inf/i.test(text)) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
	return Number(text);
}

const TRUE_TEXTS = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE_TEXTS = ["0", "f", "F", "false", "FALSE", "False"];

function boolOfText(text: string): boolean {
	if (TRUE_TEXTS.includes(text)) return true;
	if (FALSE_TEXTS.includes(text)) return false;
	throw new CelFailure(`type conversion error from 'string' to 'bool'`);
}

/** As Go's strconv.FormatFloat prints it with 'g'. */
export function doubleText(value: number): string {
	if (Number.isNaN(value)) return "NaN";
	if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
	if (Object.is(value, -0)) return "-0";
	const magnitude = Math.abs(value);
	if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e21)) {
		const [digits = "", exponent = ""] = value.toExponential().split("e");
		return `${digits}e${exponent.startsWith("-") ? "-" : "+"}${exponent.slice(1).padStart(2, "0")}`;
	}
	return String(value);
}

function textOfBytes(bytes: Uint8Array): string {
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch {
		throw new CelFailure("invalid UTF-8 in bytes, cannot convert to string");
	}
}

const unixSeconds = ({ nanos, nanosOfSecond }: Timestamp): bigint => (nanos - nanosOfSecond) / NANOS_PER_SECOND;

const CONVERSIONS: Overload[] = [
	fn("int(int) -> int", (value: bigint) => value),
	fn("int(uint) -> int", ({ value }: Uint) => asInt(value)),
	fn("int(double) -> int", intOfDouble),
	fn("int(string) -> int", intOfText),
	fn("int(timestamp) -> int", unixSeconds),
	fn("int(duration) -> int", ({ nanos }: Duration) => nanos),
	fn("uint(uint) -> uint", (value: Uint) => value),
	fn("uint(int) -> uint", asUint),
	fn("uint(double) -> uint", uintOfDouble),
	fn("uint(string) -> uint", uintOfText),
	fn("double(double) -> double", (value: number) => value),
	fn("double(int) -> double", (value: bigint) => Number(value)),
	fn("double(uint) -> double", ({ value }: Uint) => Number(value)),
	fn("double(string) -> double", doubleOfText),
	fn("bool(bool) -> bool", (value: boolean) => value),
	fn("bool(string) -> bool", boolOfText),
	fn("string(string) -> string", (value: string) => value),
	fn("string(bool) -> string", (value: boolean) => String(value)),
	fn("string(int) -> string", (value: bigint) => String(value)),
	fn("string(uint) -> string", ({ value }: Uint) => String(value)),
	fn("string(double) -> string", doubleText),
	fn("string(bytes) -> string", textOfBytes, traversal),
	fn("string(timestamp) -> string", (value: Timestamp) => value.toString()),
	fn("string(duration) -> string", (value: Duration) => value.toString()),
	fn("bytes(bytes) -> bytes", (value: Uint8Array) => value),
	fn("bytes(string) -> bytes", (value: string) => new TextEncoder().encode(value), traversal),
	fn("dyn(A) -> dyn", (value: CelValue) => value),
	fn("type(A) -> type<A>", (value: CelValue) => new TypeValue(typeName(value))),
];

/** @throws CelFailure of a text that is no regular expression */
export function patternOf(text: string): ReturnType<typeof compilePattern> {
	try {
		return compilePattern(text);
	} catch (error) {
		throw new CelFailure((error as Error).message);
	}
}

const TEXTS: Overload[] = [
	method("string.contains(string) -> bool", (text: string, part: string) => text.includes(part), search),
	method(
		"string.startsWith(string) -> bool",
		(text: string, part: string) => text.startsWith(part),
		([, part]) => traversal([part as CelValue], null),
	),
	method(
		"string.endsWith(string) -> bool",
		(text: string, part: string) => text.endsWith(part),
		([, part]) => traversal([part as CelValue], null),
	),
	method("string.matches(string) -> bool", (text: string, pattern: string) => patternOf(pattern).test(text), regexMatch),
	fn("matches(string, string) -> bool", (text: string, pattern: string) => patternOf(pattern).test(text), regexMatch),
];

/** Whether the value is its type's empty one. */
function isZero(value: CelValue): boolean {
	if (value === null || value === false || value === 0 || value === 0n) return true;
	if (value instanceof Uint) return value.value === 0n;
	if (value instanceof Duration) return value.nanos === 0n;
	if (value instanceof Optional) return value.value === undefined;
	if (value instanceof Opaque || value instanceof TypeValue || value instanceof Timestamp) return false;
	return typeof value !== "boolean" && typeof value !== "number" && typeof value !== "bigint" && sizeOf(value) === 0;
}

function held({ value }: Optional): CelValue {
	if (value === undefined) throw new CelFailure("optional.none() dereference");
	return value;
}

/** `or` and `orValue` are known to the planner: they do not look at what they do not need. */
const OPTIONALS: Overload[] = [
	fn("optional.of(V) -> optional<V>", (value: CelValue) => new Optional(value)),
	fn("optional.ofNonZeroValue(V) -> optional<V>", (value: CelValue) => (isZero(value) ? Optional.NONE : new Optional(value))),
	fn("optional.none() -> optional<V>", () => Optional.NONE),
	method("optional<V>.value() -> V", held),
	method("optional<V>.hasValue() -> bool", ({ value }: Optional) => value !== undefined),
	method("optional<V>.or(optional<V>) -> optional<V>", (one: Optional, other: Optional) => (one.value === undefined ? other : one)),
	method("optional<V>.orValue(V) -> V", ({ value }: Optional, other: CelValue) => (value === undefined ? other : value)),
];

function* entriesOf(map: CelMap): Generator<readonly [CelValue, CelValue]> {
	for (const key of map.keys()) yield [key, map.get(key) as CelValue];
}

function inserted(map: CelMap, entries: Iterable<readonly [CelValue, CelValue]>): CelMap {
	for (const [key] of entries) if (map.get(key) !== undefined) throw new CelFailure(`insert failed: key ${key} already exists`);
	return new LiteralMap([...entriesOf(map), ...entries]);
}

const FOLDS: Overload[] = [
	fn("cel.@mapInsert(map<K, V>, K, V) -> map<K, V>", (map: CelMap, key: CelValue, value: CelValue) => inserted(map, [[key, value]])),
	fn("cel.@mapInsert(map<K, V>, map<K, V>) -> map<K, V>", (map: CelMap, more: CelMap) => inserted(map, [...entriesOf(more)])),
];

export const STANDARD_FUNCTIONS: readonly Overload[] = [...SIZES, ...CONVERSIONS, ...TEXTS, ...OPTIONALS, ...FOLDS];
