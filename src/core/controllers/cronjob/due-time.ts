/** The latest time of a schedule that has come and has not been served (mostRecentScheduleTime). */
import type { CronJob } from "../../schema/kubernetes.d.ts";
import { timeMs } from "../meta-time.ts";

/** More missed times than this are worth a warning. */
const MISSED_MAX = 100;

export interface DueTime {
	/** Milliseconds since 1970; undefined when none has come. */
	atMs: number | undefined;
	tooMany: boolean;
}

export function dueTime({ metadata, spec, status }: CronJob, next: (afterMs: number) => number | undefined, nowMs: number): DueTime {
	let earliestMs = timeMs(status?.lastScheduleTime) ?? timeMs(metadata.creationTimestamp) ?? nowMs;
	if (spec?.startingDeadlineSeconds !== undefined) earliestMs = Math.max(earliestMs, nowMs - spec.startingDeadlineSeconds * 1000);
	const first = next(earliestMs);
	if (first === undefined || first > nowMs) return { atMs: undefined, tooMany: false };
	const second = next(first);
	if (second === undefined || second > nowMs) return { atMs: first, tooMany: false };
	const periodMs = second - first;
	const missed = Math.floor((nowMs - first) / periodMs) + 1;
	return { atMs: latestBefore(first, periodMs, next, nowMs), tooMany: missed > MISSED_MAX };
}

/** Jumps near the present by whole periods, back by more until the schedule has a time there, and walks on from it. */
function latestBefore(first: number, periodMs: number, next: (afterMs: number) => number | undefined, nowMs: number): number {
	let latest = first;
	for (let backMs = periodMs; nowMs - backMs > first; backMs *= 2) {
		const found = next(nowMs - backMs);
		if (found === undefined || found > nowMs) continue;
		latest = found;
		break;
	}
	for (let at = next(latest); at !== undefined && at <= nowMs; at = next(at)) latest = at;
	return latest;
}
