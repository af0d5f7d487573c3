/** metav1.Time: RFC 3339 at a second's precision. */

export function metaTime(ms: number): string {
	return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Milliseconds since 1970; undefined for an absent or unreadable time. */
export function timeMs(time: string | undefined): number | undefined {
	if (time === undefined) return undefined;
	const ms = Date.parse(time);
	return Number.isNaN(ms) ? undefined : ms;
}
