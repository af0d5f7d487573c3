/** Equality and a canonical text of JSON values. */

const isAbsent = (value: unknown): boolean => value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/** Deep equality in which an absent field, null and an empty list are the same (k8s.io/apimachinery/pkg/api/equality.Semantic). */
export function jsonEqual(a: unknown, b: unknown): boolean {
	if (a === b || (isAbsent(a) && isAbsent(b))) return true;
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
	if (Array.isArray(a) || Array.isArray(b)) {
		return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => jsonEqual(item, b[i]));
	}
	const left = a as Record<string, unknown>;
	const right = b as Record<string, unknown>;
	return Object.keys(left).every((key) => jsonEqual(left[key], right[key])) && Object.keys(right).every((key) => key in left || isAbsent(right[key]));
}

/** JSON text that is the same for values which `jsonEqual` calls equal: keys sorted, absent fields left out. */
export function canonicalJson(value: unknown): string {
	if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
	const entries = Object.entries(value).filter(([, v]) => !isAbsent(v));
	entries.sort(([a], [b]) => (a < b ? -1 : 1));
	return `{${entries.map(([key, v]) => `${JSON.stringify(key)}:${canonicalJson(v)}`).join(",")}}`;
}
