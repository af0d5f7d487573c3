/** Ranges of sizes and of costs, and sums of them; what has no bound is infinite. */

export interface Range {
	readonly min: number;
	readonly max: number;
}

export const UNKNOWN: Range = { min: 0, max: Number.POSITIVE_INFINITY };
export const fixed = (value: number): Range => ({ min: value, max: value });
export const NOTHING: Range = fixed(0);

/** Nothing times what has no bound is nothing. */
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

export const sum = (...ranges: readonly Range[]): Range => ranges.reduce((total, { min, max }) => ({ min: total.min + min, max: total.max + max }), NOTHING);
export const times = (a: Range, b: Range): Range => ({ min: product(a.min, b.min), max: product(a.max, b.max) });
/** Rounded up. */
export const scaled = ({ min, max }: Range, factor: number): Range => ({ min: Math.ceil(min * factor), max: Math.ceil(max * factor) });
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
