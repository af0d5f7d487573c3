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
