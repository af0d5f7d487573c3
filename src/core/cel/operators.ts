/** The operators of the language (cel-spec, "Standard definitions"). Numbers do not wrap: they fail. */
import { comparison, concatenation, membership } from "./call-cost.ts";
import { fn, type Overload } from "./functions.ts";
import { celCompare, celEqual, CelFailure, type CelList, type CelMap, type CelValue, Duration, INT_MAX, INT_MIN, Timestamp, Uint, UINT_MAX } from "./values.ts";

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z, in nanoseconds since 1970. */
const TIMESTAMP_MIN = -62_135_596_800n * 1_000_000_000n;
const TIMESTAMP_MAX = 253_402_300_800n * 1_000_000_000n - 1n;

export function asInt(value: bigint): bigint {
	if (value > INT_MAX || value < INT_MIN) throw new CelFailure("integer overflow");
	return value;
}

export function asUint(value: bigint): Uint {
	if (value > UINT_MAX || value < 0n) throw new CelFailure("unsigned integer overflow");
	return new Uint(value);
}

export function asDuration(nanos: bigint): Duration {
	if (nanos > INT_MAX || nanos < INT_MIN) throw new CelFailure("duration overflow");
	return new Duration(nanos);
}

export function asTimestamp(nanos: bigint): Timestamp {
	if (nanos > TIMESTAMP_MAX || nanos < TIMESTAMP_MIN) throw new CelFailure("timestamp overflow");
	return new Timestamp(nanos);
}

function nonZero(value: bigint, what: string): bigint {
	if (value === 0n) throw new CelFailure(what);
	return value;
}

const DIVISION = "division by zero";
const MODULUS = "modulus by zero";

const ARITHMETIC: Overload[] = [
	fn("_+_(int, int) -> int", (a: bigint, b: bigint) => asInt(a + b)),
	fn("_+_(uint, uint) -> uint", (a: Uint, b: Uint) => asUint(a.value + b.value)),
	fn("_+_(double, double) -> double", (a: number, b: number) => a + b),
	fn("_-_(int, int) -> int", (a: bigint, b: bigint) => asInt(a - b)),
	fn("_-_(uint, uint) -> uint", (a: Uint, b: Uint) => asUint(a.value - b.value)),
	fn("_-_(double, double) -> double", (a: number, b: number) => a - b),
	fn("_*_(int, int) -> int", (a: bigint, b: bigint) => asInt(a * b)),
	fn("_*_(uint, uint) -> uint", (a: Uint, b: Uint) => asUint(a.value * b.value)),
	fn("_*_(double, double) -> double", (a: number, b: number) => a * b),
	fn("_/_(int, int) -> int", (a: bigint, b: bigint) => asInt(a / nonZero(b, DIVISION))),
	fn("_/_(uint, uint) -> uint", (a: Uint, b: Uint) => asUint(a.value / nonZero(b.value, DIVISION))),
	fn("_/_(double, double) -> double", (a: number, b: number) => a / b),
	fn("_%_(int, int) -> int", (a: bigint, b: bigint) => asInt(a % nonZero(b, MODULUS))),
	fn("_%_(uint, uint) -> uint", (a: Uint, b: Uint) => asUint(a.value % nonZero(b.value, MODULUS))),
	fn("-_(int) -> int", (a: bigint) => asInt(-a)),
	fn("-_(double) -> double", (a: number) => -a),
	fn("!_(bool) -> bool", (a: boolean) => !a),
];

const CONCATENATION: Overload[] = [
	fn("_+_(string, string) -> string", (a: string, b: string) => a + b, concatenation),
	fn(
		"_+_(bytes, bytes) -> bytes",
		(a: Uint8Array, b: Uint8Array) => {
			const both = new Uint8Array(a.length + b.length);
			both.set(a);
			both.set(b, a.length);
			return both;
		},
		concatenation,
	),
	fn("_+_(list<A>, list<A>) -> list<A>", (a: CelList, b: CelList) => a.concat(b)),
];

const TIMES: Overload[] = [
	fn("_+_(duration, duration) -> duration", (a: Duration, b: Duration) => asDuration(a.nanos + b.nanos)),
	fn("_+_(timestamp, duration) -> timestamp", (a: Timestamp, b: Duration) => asTimestamp(a.nanos + b.nanos)),
	fn("_+_(duration, timestamp) -> timestamp", (a: Duration, b: Timestamp) => asTimestamp(a.nanos + b.nanos)),
	fn("_-_(duration, duration) -> duration", (a: Duration, b: Duration) => asDuration(a.nanos - b.nanos)),
	fn("_-_(timestamp, duration) -> timestamp", (a: Timestamp, b: Duration) => asTimestamp(a.nanos - b.nanos)),
	fn("_-_(timestamp, timestamp) -> duration", (a: Timestamp, b: Timestamp) => asDuration(a.nanos - b.nanos)),
];

const ORDERED = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];
const NUMBERS = ["int", "uint", "double"];
/** Pairs that have an order: of one type, and numbers across their types. */
const PAIRS = [
	...ORDERED.map((type) => [type, type] as const),
	...NUMBERS.flatMap((left) => NUMBERS.filter((right) => right !== left).map((right) => [left, right] as const)),
];
const RELATIONS: Readonly<Record<string, (order: number) => boolean>> = {
	"_<_": (order) => order < 0,
	"_<=_": (order) => order <= 0,
	"_>_": (order) => order > 0,
	"_>=_": (order) => order >= 0,
};

const COMPARISONS: Overload[] = Object.entries(RELATIONS).flatMap(([name, holds]) =>
	PAIRS.map(([left, right]) => {
		const compare = (a: CelValue, b: CelValue) => holds(celCompare(a, b) ?? Number.NaN);
		return fn(`${name}(${left}, ${right}) -> bool`, compare, left === "string" || left === "bytes" ? comparison : undefined);
	}),
);

const EQUALITY: Overload[] = [
	fn("_==_(A, A) -> bool", (a: CelValue, b: CelValue) => celEqual(a, b), comparison),
	fn("_!=_(A, A) -> bool", (a: CelValue, b: CelValue) => !celEqual(a, b), comparison),
];

function contains(list: CelList, wanted: CelValue): boolean {
	for (const item of list) if (celEqual(item, wanted)) return true;
	return false;
}

const MEMBERSHIP: Overload[] = [
	fn("@in(A, list<A>) -> bool", (wanted: CelValue, list: CelList) => contains(list, wanted), membership),
	fn("@in(A, map<A, B>) -> bool", (wanted: CelValue, map: CelMap) => map.get(wanted) !== undefined),
];

const unreachable = (): never => {
	throw new Error("the planner sees to this operator itself");
};

/** What the planner does in its own way: here are the types alone. */
const SPECIAL: Overload[] = [
	"_&&_(bool, bool) -> bool",
	"_||_(bool, bool) -> bool",
	"_?_:_(bool, A, A) -> A",
	"@not_strictly_false(bool) -> bool",
	"_[_](list<A>, int) -> A",
	"_[_](map<A, B>, A) -> B",
	"_[_](optional<list<A>>, int) -> optional<A>",
	"_[_](optional<map<A, B>>, A) -> optional<B>",
	"_[?_](list<A>, int) -> optional<A>",
	"_[?_](map<A, B>, A) -> optional<B>",
	"_[?_](optional<list<A>>, int) -> optional<A>",
	"_[?_](optional<map<A, B>>, A) -> optional<B>",
].map((signature) => fn(signature, unreachable));

export const OPERATORS: readonly Overload[] = [...SPECIAL, ...ARITHMETIC, ...CONCATENATION, ...TIMES, ...COMPARISONS, ...EQUALITY, ...MEMBERSHIP];
