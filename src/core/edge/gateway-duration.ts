/** Durations of the Gateway API (GEP-2257): "1h30m", "10s", "500ms". */
const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** In milliseconds; undefined for none, or what is no duration. Zero means no limit. */
export function goDurationMs(text: string | undefined): number | undefined {
	if (text === undefined || !/^(\d{1,5}(h|m|s|ms)){1,4}$/.test(text)) return undefined;
	return [...text.matchAll(/(\d+)(ms|h|m|s)/g)].reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS_MS[unit ?? ""] ?? 0), 0);
}
