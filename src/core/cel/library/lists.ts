/** Kubernetes' functions of lists (k8s.io/apiserver/pkg/cel/library/lists.go), and cel-go's of lists as sets (ext/sets.go). */
import { sizeOf, STRING_FACTOR } from "../call-cost.ts";
import { type CallCost, fn, method, type Overload } from "../functions.ts";
import { asDuration, asInt, asUint } from "../operators.ts";
import { celCompare, celEqual, CelFailure, CelList, CelMap, type CelValue, Duration, Uint } from "../values.ts";

const SUMMABLE = ["int", "uint", "double", "duration"];
const COMPARABLE = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];

/** Reading a value through, all the way down. */
function traversalCost(value: CelValue): number {
	if (typeof value === "string" || value instanceof Uint8Array) return Math.floor(value.length * STRING_FACTOR);
	let cost = 0;
	if (value instanceof CelList) for (const item of value) cost += traversalCost(item);
	else if (value instanceof CelMap) for (const key of value.keys()) cost += traversalCost(key) + traversalCost((value.get(key) ?? null) as CelValue);
	else cost = 1;
	return cost;
}

const wholeList: CallCost = ([list]) => traversalCost(list as CelValue);

function isSorted(list: CelList): boolean {
	let previous: CelValue | undefined;
	for (const item of list) {
		if (previous !== undefined && (celCompare(previous, item) ?? 1) > 0) return false;
		previous = item;
	}
	return true;
}

function added(a: CelValue, b: CelValue): CelValue {
	if (typeof a === "bigint" && typeof b === "bigint") return asInt(a + b);
	if (a instanceof Uint && b instanceof Uint) return asUint(a.value + b.value);
	if (a instanceof Duration && b instanceof Duration) return asDuration(a.nanos + b.nanos);
	if (typeof a === "number" && typeof b === "number") return a + b;
	throw new CelFailure("no such overload");
}

const ZEROS: Readonly<Record<string, CelValue>> = { int: 0n, uint: new Uint(0n), double: 0, duration: new Duration(0n) };

function sum(list: CelList, type: string): CelValue {
	let total: CelValue | undefined;
	for (const item of list) total = total === undefined ? item : added(total, item);
	return total ?? (ZEROS[type] as CelValue);
}

function extreme(name: string, list: CelList, isBetter: (order: number) => boolean): CelValue {
	let best: CelValue | undefined;
	for (const item of list) {
		const order = best === undefined ? 0 : celCompare(item, best);
		if (order === undefined) throw new CelFailure("no such overload");
		if (best === undefined || isBetter(order)) best = item;
	}
	if (best === undefined) throw new CelFailure(`${name} called on empty list`);
	return best;
}

function placeOf(list: CelList, wanted: CelValue, last: boolean): bigint {
	let found = -1;
	for (let index = 0; index < list.length; index++) {
		if (!celEqual(list.at(index) as CelValue, wanted)) continue;
		found = index;
		if (!last) break;
	}
	return BigInt(found);
}

const has = (list: CelList, wanted: CelValue): boolean => placeOf(list, wanted, false) >= 0n;

function includesAll(list: CelList, part: CelList): boolean {
	for (const item of part) if (!has(list, item)) return false;
	return true;
}

function intersects(one: CelList, other: CelList): boolean {
	for (const item of one) if (has(other, item)) return true;
	return false;
}

/** Each of one with each of the other. */
const product: CallCost = ([one, other]) => Math.max(1, sizeOf(one) * sizeOf(other));

const SETS: readonly Overload[] = [
	fn("sets.contains(list<T>, list<T>) -> bool", includesAll, product),
	fn(
		"sets.equivalent(list<T>, list<T>) -> bool",
		(a: CelList, b: CelList) => includesAll(a, b) && includesAll(b, a),
		(args, result) => 2 * product(args, result),
	),
	fn("sets.intersects(list<T>, list<T>) -> bool", intersects, product),
];

export const LISTS: readonly Overload[] = [
	...COMPARABLE.flatMap((type) => [
		method(`list<${type}>.isSorted() -> bool`, isSorted, wholeList),
		method(`list<${type}>.min() -> ${type}`, (list: CelList) => extreme("min", list, (order) => order < 0), wholeList),
		method(`list<${type}>.max() -> ${type}`, (list: CelList) => extreme("max", list, (order) => order > 0), wholeList),
	]),
	...SUMMABLE.map((type) => method(`list<${type}>.sum() -> ${type}`, (list: CelList) => sum(list, type), wholeList)),
	method("list<T>.indexOf(T) -> int", (list: CelList, wanted: CelValue) => placeOf(list, wanted, false), wholeList),
	method("list<T>.lastIndexOf(T) -> int", (list: CelList, wanted: CelValue) => placeOf(list, wanted, true), wholeList),
	...SETS,
];
