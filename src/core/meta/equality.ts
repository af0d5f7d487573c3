/** Two equalities of JSON values: exact, and as the API means it. */

/** Deep equality of JSON values; the order of an object's members does not count. */
export function jsonEqual(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
	if (Array.isArray(a)) {
		if (!Array.isArray(b) || a.length !== b.length) return false;
		for (let i = 0; i < a.length; i++) if (!jsonEqual(a[i], b[i])) return false;
		return true;
	}
	if (Array.isArray(b)) return false;
	const left = a as Record<string, unknown>;
	const right = b as Record<string, unknown>;
	let count = 0;
	for (const key in left) {
		count++;
		if (!Object.hasOwn(right, key) || !jsonEqual(left[key], right[key])) return false;
	}
	for (const _ in right) count--;
	return count === 0;
}

/** apiequality.Semantic.DeepEqual over JSON: absence, null and an empty list are one; key order does not matter. */
export function semanticEqual(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
	if (Array.isArray(a) || Array.isArray(b)) {
		return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => semanticEqual(item, b[i]));
	}
	if (typeof a !== "object" || typeof b !== "object") return false;
	const left = a as Record<string, unknown>;
	const right = b as Record<string, unknown>;
	for (const key in left) if (!semanticEqual(left[key], right[key])) return false;
	for (const key in right) if (!(key in left) && !isNothing(right[key])) return false;
	return true;
}

const isNothing = (value: unknown): boolean => value === undefined || value === null || (Array.isArray(value) && value.length === 0);
