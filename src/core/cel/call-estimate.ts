/** What calls may cost, before anything is evaluated (cel-go checker/cost.go, k8s.io/apiserver/pkg/cel/library/cost.go). */
import { REGEX_FACTOR, STRING_FACTOR } from "./call-cost.ts";
import { fixed, type Range, scaled, sum, times, union, UNKNOWN } from "./estimate.ts";
import type { Overload } from "./functions.ts";

/** The sizes of a call's arguments, the receiver first, and of the items of a receiver that is a list. */
export interface CallSizes {
	args: readonly Range[];
	items: Range | undefined;
	/** Of items that have a size of their own: texts and bytes. */
	itemsAreSized: boolean;
	/** The value of an argument that is a literal number. */
	literal(index: number): number | undefined;
}

/** The cost without that of the arguments, and the size of what is given. */
export interface CallEstimate {
	cost: Range;
	size?: Range;
}

type Estimate = (sizes: CallSizes, overload: Overload) => CallEstimate | undefined;

const ONE: CallEstimate = { cost: fixed(1) };
/** Two authorization checks are what one expression may afford. */
const CHECK: CallEstimate = { cost: fixed(350_000) };
const arg = ({ args }: CallSizes, index: number): Range => args[index] ?? UNKNOWN;

const readThrough: Estimate = (sizes) => ({ cost: scaled(arg(sizes, 0), STRING_FACTOR), size: arg(sizes, 0) });
const nominal: Estimate = () => ONE;

const listWalk: Estimate = (sizes, { params: [receiver] }) => {
	if (receiver?.kind !== "list") return { cost: scaled(arg(sizes, 0), STRING_FACTOR) };
	const each = sizes.itemsAreSized ? sum(fixed(1), scaled(sizes.items ?? UNKNOWN, STRING_FACTOR)) : fixed(1);
	return { cost: times(arg(sizes, 0), each) };
};

function replacedSize(text: Range, old: Range, replacement: Range): Range {
	const max =
		old.min === 0 ? (text.max + 1) * replacement.max + text.max : replacement.max <= old.min ? text.max : Math.ceil(text.max / old.min) * replacement.max;
	const min =
		old.max === 0 ? (text.min + 1) * replacement.min + text.min : old.max <= replacement.min ? text.min : Math.ceil(text.min / old.max) * replacement.min;
	return { min, max: Number.isNaN(max) ? Number.POSITIVE_INFINITY : max };
}

const replace: Estimate = (sizes) => ({
	cost: scaled(arg(sizes, 0), 2 * STRING_FACTOR),
	size: replacedSize(arg(sizes, 0), arg(sizes, 1), arg(sizes, 2)),
});
const split: Estimate = (sizes) => ({
	cost: scaled(arg(sizes, 0), 2 * STRING_FACTOR),
	size: { min: 0, max: sizes.literal(2) ?? arg(sizes, 0).max },
});
const join: Estimate = (sizes) => {
	const list = arg(sizes, 0);
	const texts = times(list, sizes.items ?? UNKNOWN);
	const separators = { min: Math.max(0, list.min - 1), max: Math.max(0, list.max - 1) };
	const size = sizes.args.length > 1 ? sum(texts, times(arg(sizes, 1), separators)) : texts;
	return { cost: scaled(size, STRING_FACTOR), size };
};
const regex: Estimate = (sizes) => ({
	cost: times(scaled(sum(arg(sizes, 0), fixed(1)), STRING_FACTOR), scaled(arg(sizes, 1), REGEX_FACTOR)),
});
const find: Estimate = (sizes, overload) => ({ ...(regex(sizes, overload) as CallEstimate), size: { min: 0, max: arg(sizes, 0).max } });

const ADDRESS_BYTES: Range = { min: 4, max: 16 };
const containsIp: Estimate = (sizes, { params }) => {
	const compared = scaled(sum(ADDRESS_BYTES, ADDRESS_BYTES), STRING_FACTOR);
	return { cost: params[1]?.kind === "string" ? sum(compared, scaled(arg(sizes, 1), STRING_FACTOR)) : compared };
};
const containsCidr: Estimate = (sizes, overload) => ({
	cost: sum((containsIp(sizes, overload) as CallEstimate).cost, scaled(ADDRESS_BYTES, STRING_FACTOR), fixed(1)),
});

const comparison: Estimate = (sizes, { params: [first] }) => {
	if (first?.kind !== "string" && first?.kind !== "bytes" && first?.kind !== "parameter") return undefined;
	const max = Math.min(arg(sizes, 0).max, arg(sizes, 1).max);
	return { cost: scaled({ min: max > 0 ? 1 : 0, max }, STRING_FACTOR) };
};
const addition: Estimate = (sizes, { params: [first] }) => {
	const size = sum(arg(sizes, 0), arg(sizes, 1));
	if (first?.kind === "list") return { cost: fixed(1), size };
	return first?.kind === "string" || first?.kind === "bytes" ? { cost: scaled(size, STRING_FACTOR), size } : undefined;
};
const membership: Estimate = (sizes, { params: [, second] }) => (second?.kind === "list" ? { cost: arg(sizes, 1) } : undefined);
const setProduct: Estimate = (sizes) => ({ cost: times(arg(sizes, 0), arg(sizes, 1)) });

const toText: Estimate = (sizes, { params: [first] }) =>
	first?.kind === "bytes" ? { cost: scaled(arg(sizes, 0), STRING_FACTOR), size: { min: arg(sizes, 0).min / 4, max: arg(sizes, 0).max } } : undefined;
const toBytes: Estimate = (sizes, { params: [first] }) =>
	first?.kind === "string" ? { cost: scaled(arg(sizes, 0), STRING_FACTOR), size: { min: arg(sizes, 0).min, max: arg(sizes, 0).max * 4 } } : undefined;

const all = (names: string, estimate: Estimate): [string, Estimate][] => names.split(" ").map((name) => [name, estimate]);

const ESTIMATES: ReadonlyMap<string, Estimate> = new Map<string, Estimate>([
	["check", () => CHECK],
	...all("serviceAccount path group resource subresource namespace name allowed reason error errored", nominal),
	...all("isSorted sum max min indexOf lastIndexOf", listWalk),
	["url", (sizes) => ({ cost: scaled(arg(sizes, 0), STRING_FACTOR) })],
	...all("lowerAscii upperAscii substring trim", readThrough),
	["replace", replace],
	["split", split],
	["join", join],
	...all("find findAll", find),
	["containsIP", containsIp],
	["containsCIDR", containsCidr],
	["format", (sizes) => ({ cost: scaled(arg(sizes, 0), STRING_FACTOR) })],
	["strings.quote", (sizes) => ({ cost: scaled(arg(sizes, 0), STRING_FACTOR), size: { min: arg(sizes, 0).min + 2, max: arg(sizes, 0).max * 2 + 2 } })],
	...all("startsWith endsWith", (sizes) => ({ cost: scaled(arg(sizes, 1), STRING_FACTOR) })),
	["matches", regex],
	["contains", (sizes) => ({ cost: times(scaled(arg(sizes, 0), STRING_FACTOR), scaled(arg(sizes, 1), STRING_FACTOR)) })],
	...all("sets.contains sets.intersects", setProduct),
	["sets.equivalent", (sizes) => ({ cost: times(fixed(2), times(arg(sizes, 0), arg(sizes, 1))) })],
	...all("_<_ _<=_ _>_ _>=_ _==_ _!=_", comparison),
	["_+_", addition],
	["@in", membership],
	["string", toText],
	["bytes", toBytes],
]);

/** Over all that the call may mean. */
export function estimateCall(overloads: readonly Overload[], sizes: CallSizes): CallEstimate {
	let whole: CallEstimate | undefined;
	for (const overload of overloads) {
		const one = ESTIMATES.get(overload.name)?.(sizes, overload) ?? ONE;
		const size = one.size && whole?.size ? union(one.size, whole.size) : (one.size ?? whole?.size);
		whole = { cost: whole ? union(whole.cost, one.cost) : one.cost, ...(size ? { size } : {}) };
	}
	return whole ?? { cost: fixed(0) };
}
