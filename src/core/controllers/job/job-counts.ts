/**
 * Counts what ended since the last look. A pod is counted in the very transaction that takes its finalizer away, so that
 * each counts exactly once and status.uncountedTerminatedPods is always empty.
 */
import type { Job, Pod } from "../../schema/kubernetes.d.ts";
import { isActive } from "../pod-state.ts";
import { failureVerdict } from "./failure-policy.ts";
import { indexesOf } from "./index-set.ts";
import {
	finishedAtMs,
	hasIndexLimit,
	INDEX_FAILURES,
	INDEX_IGNORED_FAILURES,
	indexOf,
	isFailed,
	isIndexed,
	isSucceeded,
	isTerminating,
	isTracked,
} from "./tracked-pods.ts";

export interface JobCounts {
	succeeded: number;
	failed: number;
	/** Of an Indexed Job. */
	succeededIndexes: Set<number>;
	/** Of a Job with a limit for each index. */
	failedIndexes: Set<number>;
	/** Pods that are now counted, or need not be: their finalizers go. */
	counted: Pod[];
	/** Why the failure policy fails the Job. */
	failJobMessage?: string;
	/** The last failed pod of each index that waits for its successor, which takes over its failures. */
	awaitingSuccessor: Map<number, Pod>;
}

export const isEnded = (pod: Pod, job: Job): boolean => isSucceeded(pod) || isFailed(pod, job);

export function countPods(job: Job, pods: readonly Pod[], nowMs: number): JobCounts {
	const completions = isIndexed(job) ? (job.spec?.completions ?? 0) : 0;
	const counts: JobCounts = {
		succeeded: job.status?.succeeded ?? 0,
		failed: job.status?.failed ?? 0,
		succeededIndexes: indexesOf(job.status?.completedIndexes, completions),
		failedIndexes: indexesOf(job.status?.failedIndexes, completions),
		counted: [],
		awaitingSuccessor: new Map(),
	};
	const ended = pods.filter((pod) => isTracked(pod) && isEnded(pod, job));
	ended.sort((a, b) => finishedAtMs(a, nowMs) - finishedAtMs(b, nowMs));
	for (const pod of ended.filter(isSucceeded)) countSuccess(counts, job, pod);
	for (const pod of ended.filter((one) => !isSucceeded(one))) countFailure(counts, job, pod, pods);
	if (isIndexed(job)) counts.succeeded = counts.succeededIndexes.size;
	return counts;
}

function countSuccess(counts: JobCounts, job: Job, pod: Pod): void {
	counts.counted.push(pod);
	if (!isIndexed(job)) counts.succeeded += 1;
	else if (isValidIndex(job, indexOf(pod))) counts.succeededIndexes.add(indexOf(pod));
}

export const isValidIndex = (job: Job, index: number): boolean => index >= 0 && index < (job.spec?.completions ?? 0);

function countFailure(counts: JobCounts, job: Job, pod: Pod, pods: readonly Pod[]): void {
	const { action, message } = failureVerdict(job, pod);
	const index = indexOf(pod);
	if (action === "FailJob") counts.failJobMessage ??= message;
	const keepsIndex =
		isIndexed(job) && hasIndexLimit(job) && isValidIndex(job, index) && !counts.succeededIndexes.has(index) && !counts.failedIndexes.has(index);
	if (keepsIndex) {
		if (action === "FailIndex" || exceedsIndexLimit(job, pod, action)) counts.failedIndexes.add(index);
		else if (action !== "FailJob" && !hasSuccessor(pod, job, pods)) return void counts.awaitingSuccessor.set(index, pod);
	}
	counts.counted.push(pod);
	// A pod that has no index of the Job's is let go, and no failure of it.
	if (action !== "Ignore" && (!isIndexed(job) || isValidIndex(job, index))) counts.failed += 1;
}

const hasSuccessor = (pod: Pod, job: Job, pods: readonly Pod[]): boolean =>
	pods.some(
		(other) =>
			other !== pod &&
			indexOf(other) === indexOf(pod) &&
			(!isEnded(other, job) || failuresBefore(other) > failuresBefore(pod) || ignoredBefore(other) > ignoredBefore(pod)),
	);

export const failuresBefore = (pod: Pod): number => Number(pod.metadata.annotations?.[INDEX_FAILURES] ?? 0) || 0;
export const ignoredBefore = (pod: Pod): number => Number(pod.metadata.annotations?.[INDEX_IGNORED_FAILURES] ?? 0) || 0;

const exceedsIndexLimit = (job: Job, pod: Pod, action: string): boolean => action !== "Ignore" && failuresBefore(pod) >= (job.spec?.backoffLimitPerIndex ?? 0);

/** Pods that run or may come to run for the Job. */
export const activePods = (pods: readonly Pod[]): Pod[] => pods.filter(isActive);
export const terminatingPods = (pods: readonly Pod[]): Pod[] => pods.filter(isTerminating);

/** Failures so far, with those that are counted once their indexes have new pods. */
export const failuresSoFar = (job: Job, { failed, awaitingSuccessor }: JobCounts): number =>
	failed + [...awaitingSuccessor.values()].filter((pod) => failureVerdict(job, pod).action !== "Ignore").length;

/** A Job at its end waits for no successors any more: what failed last counts too. */
export function countAwaiting(job: Job, counts: JobCounts): void {
	counts.failed = failuresSoFar(job, counts);
	counts.counted.push(...counts.awaitingSuccessor.values());
	counts.awaitingSuccessor.clear();
}
