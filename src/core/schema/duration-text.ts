/** Go's time.Duration in text, as ParseDuration reads it and String prints it. Exact, in nanoseconds. */

const UNITS: Readonly<Record<string, bigint>> = {
	ns: 1n,
	us: 1_000n,
	µs: 1_000n,
	μs: 1_000n,
	ms: 1_000_000n,
	s: 1_000_000_000n,
	m: 60_000_000_000n,
	h: 3_600_000_000_000n,
};
const MAX_NANOS = 2n ** 63n - 1n;

/** Nanoseconds; undefined when the text is no duration. */
export function parseDuration(text: string): bigint | undefined {
	const [, sign = "", body = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
	if (body === "0") return 0n;
	if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/.test(body)) return undefined;
	let total = 0n;
	for (const [, whole = "", fraction = "", unit = ""] of body.matchAll(/(\d*)\.?(\d*)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g)) {
		const scale = UNITS[unit] ?? 0n;
		total += BigInt(whole || "0") * scale + (BigInt(fraction || "0") * scale) / 10n ** BigInt(fraction.length);
	}
	if (total > MAX_NANOS) return undefined;
	return sign === "-" ? -total : total;
}

function decimal(nanos: bigint, unit: bigint): string {
	const digits = unit.toString().length - 1;
	const fraction = (nanos % unit).toString().padStart(digits, "0").replace(/0+$/, "");
	return `${nanos / unit}${fraction ? `.${fraction}` : ""}`;
}

export function durationText(nanos: bigint): string {
	if (nanos === 0n) return "0s";
	if (nanos < 0n) return `-${durationText(-nanos)}`;
	if (nanos < 1_000n) return `${nanos}ns`;
	if (nanos < 1_000_000n) return `${decimal(nanos, 1_000n)}µs`;
	if (nanos < 1_000_000_000n) return `${decimal(nanos, 1_000_000n)}ms`;
	const hours = nanos / 3_600_000_000_000n;
	const minutes = (nanos / 60_000_000_000n) % 60n;
	const seconds = `${decimal(nanos % 60_000_000_000n, 1_000_000_000n)}s`;
	if (hours > 0n) return `${hours}h${minutes}m${seconds}`;
	return minutes > 0n ? `${minutes}m${seconds}` : seconds;
}
