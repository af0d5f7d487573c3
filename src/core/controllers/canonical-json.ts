/** A canonical text of JSON values: for hashes and keys. */

const isAbsent = (value: unknown): boolean => value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/** JSON text that is the same for values which `semanticEqual` calls equal: keys sorted, absent fields left out. */
export function canonicalJson(value: unknown): string {
	if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
	const entries = Object.entries(value).filter(([, v]) => !isAbsent(v));
	entries.sort(([a], [b]) => (a < b ? -1 : 1));
	return `{${entries.map(([key, v]) => `${JSON.stringify(key)}:${canonicalJson(v)}`).join(",")}}`;
}
