/** The latest time of a schedule that has come and has not been served (mostRecentScheduleTime, nextScheduleTimeDuration). */
import type { CronJob } from "../../schema/kubernetes.d.ts";
import { timeMs } from "../meta-time.ts";

/** More missed times than this are worth a warning. */
const MISSED_MAX = 100;

export interface DueTime {
	/** Milliseconds since 1970; undefined when none has come. */
	atMs: number | undefined;
	tooMany: boolean;
}

type Next = (afterMs: number) => number | undefined;

export function dueTime(cronJob: CronJob, next: Next, nowMs: number): DueTime {
	const deadlineSeconds = cronJob.spec?.startingDeadlineSeconds;
	let earliestMs = servedUntilMs(cronJob, nowMs);
	if (deadlineSeconds !== undefined) earliestMs = Math.max(earliestMs, nowMs - deadlineSeconds * 1000);
	return latestSince(earliestMs, next, nowMs);
}

/** When the schedule comes next, counted from the last time that came: "@every" goes on from there, not from now. */
export const followingMs = (cronJob: CronJob, next: Next, nowMs: number): number | undefined => {
	const servedMs = servedUntilMs(cronJob, nowMs);
	return next(latestSince(servedMs, next, nowMs).atMs ?? servedMs);
};

const servedUntilMs = ({ metadata, status }: CronJob, nowMs: number): number => timeMs(status?.lastScheduleTime) ?? timeMs(metadata.creationTimestamp) ?? nowMs;

function latestSince(earliestMs: number, next: Next, nowMs: number): DueTime {
	const first = next(earliestMs);
	if (first === undefined || first > nowMs) return { atMs: undefined, tooMany: false };
	const second = next(first);
	if (second === undefined || second > nowMs) return { atMs: first, tooMany: false };
	const periodMs = second - first;
	const missed = Math.floor((nowMs - first) / periodMs) + 1;
	return { atMs: latestBefore(first, periodMs, missed, next, nowMs), tooMany: missed > MISSED_MAX };
}

/** Jumps near the present by whole periods, back by more until the schedule has a time there, and walks on from it. */
function latestBefore(first: number, periodMs: number, missed: number, next: Next, nowMs: number): number {
	let latest = first;
	for (let back = 1; back < missed; back *= 2) {
		const found = next(first + (missed - 1 - back) * periodMs);
		if (found === undefined || found > nowMs) continue;
		latest = found;
		break;
	}
	for (let at = next(latest); at !== undefined && at <= nowMs; at = next(at)) latest = at;
	return latest;
}
