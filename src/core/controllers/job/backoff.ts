/** How long a Job waits before it replaces failed pods: 10 s, doubled with each failure since the last success, to 10 min. */
import type { Job, Pod } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted } from "../identity.ts";
import { failuresBefore, ignoredBefore, isEnded } from "./job-counts.ts";
import { finishedAtMs, isSucceeded, isTracked } from "./tracked-pods.ts";

export const BACKOFF_BASE_MS = 10_000;
export const BACKOFF_MAX_MS = 600_000;

const delayMs = (failures: number): number => (failures === 0 ? 0 : Math.min(BACKOFF_BASE_MS * 2 ** Math.min(failures - 1, 16), BACKOFF_MAX_MS));

/** Milliseconds until the next pod may be made. */
export function backoffMs(job: Job, pods: readonly Pod[], nowMs: number): number {
	const dismissed = (pod: Pod): boolean => isBeingDeleted(pod) && !isTracked(pod);
	const ended = pods.filter((pod) => isEnded(pod, job) && !dismissed(pod)).map((pod) => ({ pod, atMs: finishedAtMs(pod, nowMs) }));
	const lastSuccessMs = Math.max(Number.NEGATIVE_INFINITY, ...ended.filter(({ pod }) => isSucceeded(pod)).map(({ atMs }) => atMs));
	const failures = ended.filter(({ pod, atMs }) => !isSucceeded(pod) && atMs > lastSuccessMs);
	if (failures.length === 0) return 0;
	return Math.max(0, Math.max(...failures.map(({ atMs }) => atMs)) + delayMs(failures.length) - nowMs);
}

/** The same for one index, after its last failed pod. */
export function indexBackoffMs(last: Pod | undefined, nowMs: number): number {
	if (last === undefined) return 0;
	return Math.max(0, finishedAtMs(last, nowMs) + delayMs(failuresBefore(last) + ignoredBefore(last) + 1) - nowMs);
}
