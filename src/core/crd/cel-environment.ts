/** The functions of Kubernetes' CEL environment (k8s.io/apiserver/pkg/cel/library) beside the language's own. */
import { type CelEnv, celEnv, type CelFunc, celFunc, type CelInput, type CelList, celMethod, CelScalar, type CelValue, listType } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { cidr, ipFamily } from "../meta/address.ts";
import { isQuantity } from "../quantity/quantity.ts";

const LIST = listType(CelScalar.DYN);

type Ordered = bigint | number | string | boolean;

const itemsOf = (list: CelList): CelValue[] => [...list];

function isOrdered(list: CelList): boolean {
	const items = itemsOf(list) as Ordered[];
	return items.every((item, at) => at === 0 || (items[at - 1] as Ordered) <= item);
}

function sumOf(list: CelList): CelInput {
	const items = itemsOf(list);
	if (items.every((item) => typeof item === "bigint")) return items.reduce<bigint>((total, item) => total + (item as bigint), 0n);
	return items.reduce<number>((total, item) => total + Number(item), 0);
}

function extreme(name: string, list: CelList, better: (a: Ordered, b: Ordered) => boolean): CelInput {
	const items = itemsOf(list) as Ordered[];
	if (items.length === 0) throw new Error(`${name} called on empty list`);
	return items.reduce((best, item) => (better(item, best) ? item : best));
}

const placeOf = (items: readonly CelValue[], wanted: CelValue, last: boolean): bigint => BigInt(last ? items.lastIndexOf(wanted) : items.indexOf(wanted));

const LISTS: CelFunc[] = [
	celMethod("isSorted", LIST, [], CelScalar.BOOL, function () {
		return isOrdered(this);
	}),
	celMethod("sum", LIST, [], CelScalar.DYN, function () {
		return sumOf(this);
	}),
	celMethod("min", LIST, [], CelScalar.DYN, function () {
		return extreme("min", this, (a, b) => a < b);
	}),
	celMethod("max", LIST, [], CelScalar.DYN, function () {
		return extreme("max", this, (a, b) => a > b);
	}),
	celMethod("indexOf", LIST, [CelScalar.DYN], CelScalar.INT, function (wanted) {
		return placeOf(itemsOf(this), wanted, false);
	}),
	celMethod("lastIndexOf", LIST, [CelScalar.DYN], CelScalar.INT, function (wanted) {
		return placeOf(itemsOf(this), wanted, true);
	}),
];

const SETS: CelFunc[] = [
	celFunc("sets.contains", [LIST, LIST], CelScalar.BOOL, (list, part) => {
		const items = new Set(itemsOf(list));
		return itemsOf(part).every((item) => items.has(item));
	}),
	celFunc("sets.equivalent", [LIST, LIST], CelScalar.BOOL, (one, other) => {
		const [left, right] = [new Set(itemsOf(one)), new Set(itemsOf(other))];
		return [...left].every((item) => right.has(item)) && [...right].every((item) => left.has(item));
	}),
	celFunc("sets.intersects", [LIST, LIST], CelScalar.BOOL, (one, other) => {
		const items = new Set(itemsOf(other));
		return itemsOf(one).some((item) => items.has(item));
	}),
];

const TEXTS: CelFunc[] = [
	celFunc("isURL", [CelScalar.STRING], CelScalar.BOOL, (text) => (text.startsWith("/") ? !/\s/.test(text) : URL.canParse(text))),
	celFunc("isIP", [CelScalar.STRING], CelScalar.BOOL, (text) => ipFamily(text) !== undefined),
	celFunc("isCIDR", [CelScalar.STRING], CelScalar.BOOL, (text) => cidr(text).length === 0),
	celFunc("isQuantity", [CelScalar.STRING], CelScalar.BOOL, isQuantity),
];

/** What rules are evaluated in: `self` and `oldSelf` are bound at each evaluation. */
export const ruleEnvironment: CelEnv = celEnv({ funcs: [...strings, ...LISTS, ...SETS, ...TEXTS] }) as CelEnv;
