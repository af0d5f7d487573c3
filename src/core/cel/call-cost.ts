/** What calls cost when they are made (cel-go interpreter/runtimecost.go): about one for each ten characters looked at. */
import type { CallCost } from "./functions.ts";
import { CelList, CelMap, type CelValue, Opaque } from "./values.ts";

export const STRING_FACTOR = 0.1;
export const REGEX_FACTOR = 0.25;

/** Characters, bytes, items or entries; 1 of what has no size. */
export function sizeOf(value: CelValue | undefined): number {
	if (typeof value === "string") return characters(value);
	if (value instanceof Uint8Array || value instanceof CelList) return value.length;
	if (value instanceof CelMap) return value.size;
	return value instanceof Opaque ? value.size : 1;
}

/** In code points. */
export function characters(text: string): number {
	let pairs = 0;
	for (let index = 0; index < text.length; index++) {
		const unit = text.charCodeAt(index);
		if (unit >= 0xd800 && unit < 0xdc00) pairs++;
	}
	return text.length - pairs;
}

/** The first argument is read through. */
export const traversal: CallCost = ([text]) => Math.ceil(sizeOf(text) * STRING_FACTOR);
/** Both are read through, as far as the shorter one goes. */
export const comparison: CallCost = ([a, b]) => Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * STRING_FACTOR);
/** Both are copied. */
export const concatenation: CallCost = ([a, b]) => Math.ceil((sizeOf(a) + sizeOf(b)) * STRING_FACTOR);
/** The second is looked for at every place of the first. */
export const search: CallCost = ([text, part]) => Math.ceil(sizeOf(text) * STRING_FACTOR) * Math.ceil(sizeOf(part) * STRING_FACTOR);
/** One more than its length, so that an expensive expression over nothing is not free. */
export const regexMatch: CallCost = ([text, pattern]) => Math.ceil((1 + sizeOf(text)) * STRING_FACTOR) * Math.ceil(sizeOf(pattern) * REGEX_FACTOR);
/** Every item of the second is looked at. */
export const membership: CallCost = ([, list]) => sizeOf(list);
