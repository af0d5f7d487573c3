/** A deep copy of a JSON value: several times faster than structuredClone, which must be ready for anything. */
export function cloneJson<T>(value: T): T {
	if (typeof value !== "object" || value === null) return value;
	if (Array.isArray(value)) return value.map(cloneJson) as T;
	const copy: Record<string, unknown> = {};
	for (const key in value) {
		const item: unknown = value[key];
		// Assigning this one would set the prototype instead.
		if (key === "__proto__") Object.defineProperty(copy, key, { value: cloneJson(item), writable: true, enumerable: true, configurable: true });
		else copy[key] = typeof item === "object" ? cloneJson(item) : item;
	}
	return copy as T;
}
