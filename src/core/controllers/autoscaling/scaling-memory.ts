/** What an autoscaler has recommended and done of late: its windows and rates look back on it. */
import type { HPAScalingPolicy } from "../../schema/kubernetes.d.ts";

/** An unchanged recommendation is written down anew this often, in milliseconds: each time would be a row every look. */
const REFRESH_MS = 60_000;
/** Longest window or period that a spec may name, in milliseconds (stabilizationWindowSeconds, periodSeconds). */
const LONGEST_MS = 3_600_000;

export interface Recommendation {
	replicas: number;
	/** When it was given first and, as far as is known, last, in milliseconds since 1970. */
	fromMs: number;
	untilMs: number;
}

export interface ScalingMemory {
	recommendations: Recommendation[];
	/** Replicas added, or taken away where negative. */
	changes: { replicas: number; atMs: number }[];
}

/** A new autoscaler, or one whose memory is lost, has recommended what is there: it takes nothing away at once. */
export const newMemory = (replicas: number, nowMs: number): ScalingMemory => ({ recommendations: [{ replicas, fromMs: nowMs, untilMs: nowMs }], changes: [] });

/** `recommendation` held until now, or began now. Undefined when that need not be written down. */
export function withRecommendation(memory: ScalingMemory, replicas: number, nowMs: number): ScalingMemory | undefined {
	const last = memory.recommendations.at(-1);
	if (last?.replicas === replicas && nowMs - last.untilMs < REFRESH_MS) return undefined;
	// The last one is known to have held until the look before this one only as far as it was written down.
	const held = memory.recommendations.map((one) => (one === last ? { ...one, untilMs: nowMs } : one));
	const next = last?.replicas === replicas ? held : [...held, { replicas, fromMs: nowMs, untilMs: nowMs }];
	return { ...memory, recommendations: next.filter(({ untilMs }) => untilMs > nowMs - LONGEST_MS) };
}

export const withChange = (memory: ScalingMemory, replicas: number, nowMs: number): ScalingMemory => ({
	...memory,
	changes: [...memory.changes.filter(({ atMs }) => atMs > nowMs - LONGEST_MS), { replicas, atMs: nowMs }],
});

/** Recommendations that held within the last `windowMs`: the last one until this look, whatever was written down. */
export const recentRecommendations = ({ recommendations }: ScalingMemory, windowMs: number, nowMs: number): number[] =>
	windowMs === 0 ? [] : recommendations.filter((one) => one === recommendations.at(-1) || one.untilMs > nowMs - windowMs).map(({ replicas }) => replicas);

/** How many there were when the policy's period began. */
export function periodStart(memory: ScalingMemory, { periodSeconds }: HPAScalingPolicy, current: number, nowMs: number): number {
	const recent = memory.changes.filter(({ atMs }) => atMs > nowMs - periodSeconds * 1000);
	return current - recent.reduce((sum, { replicas }) => sum + replicas, 0);
}
