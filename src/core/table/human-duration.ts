/** Ages as kubectl prints them: k8s.io/apimachinery/pkg/util/duration. */

const SECOND_MS = 1000;
const MINUTE = 60;
const HOUR = 3600;

/** duration.HumanDuration: "5s", "2m30s", "3h", "2d4h", "1y20d". A small negative skew counts as 0. */
export function humanDuration(durationMs: number): string {
	const seconds = Math.trunc(durationMs / SECOND_MS);
	if (seconds < -1) return "<invalid>";
	if (seconds < 0) return "0s";
	if (seconds < 2 * MINUTE) return `${seconds}s`;
	const minutes = Math.floor(seconds / MINUTE);
	if (minutes < 10) return pair(minutes, "m", seconds % MINUTE, "s");
	if (minutes < 3 * 60) return `${minutes}m`;
	const hours = Math.floor(seconds / HOUR);
	if (hours < 8) return pair(hours, "h", minutes % 60, "m");
	if (hours < 48) return `${hours}h`;
	const days = Math.floor(hours / 24);
	if (hours < 192) return pair(days, "d", hours % 24, "h");
	if (hours < 24 * 365 * 2) return `${days}d`;
	const years = Math.floor(days / 365);
	if (hours < 24 * 365 * 8) return pair(years, "y", days % 365, "d");
	return `${years}y`;
}

const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
	small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;

/** Time since an RFC 3339 timestamp, or "<unknown>" where there is none. */
export function ageSince(timestamp: string | undefined, nowMs: number): string {
	if (!timestamp) return "<unknown>";
	return humanDuration(nowMs - Date.parse(timestamp));
}
