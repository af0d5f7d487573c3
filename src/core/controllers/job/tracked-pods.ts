/** How a Job's pods are told apart: which are counted, which finished, which index is whose. */
import type { Job, Pod } from "../../schema/kubernetes.d.ts";
import { draftOf, isBeingDeleted, setMetadataList } from "../identity.ts";
import { timeMs } from "../meta-time.ts";

/** Holds a pod until it has been counted (KEP-2307). */
export const TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking";
export const INDEX_KEY = "batch.kubernetes.io/job-completion-index";
/** Failures of a pod's index before it, that count. */
export const INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count";
/** Failures of a pod's index before it that the failure policy ignores. */
export const INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count";

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(TRACKING_FINALIZER) ?? false;
export const isIndexed = (job: Job): boolean => job.spec?.completionMode === "Indexed";
export const hasIndexLimit = (job: Job): boolean => job.spec?.backoffLimitPerIndex !== undefined;
/** Whether a pod on its way out is replaced only when it has failed (KEP-3939). */
export const replacesFailedOnly = (job: Job): boolean =>
	job.spec?.podReplacementPolicy === "Failed" || (job.spec?.podReplacementPolicy === undefined && job.spec?.podFailurePolicy !== undefined);

export function withoutTracking(pod: Pod): Pod {
	const draft = draftOf(pod);
	setMetadataList(
		draft,
		"finalizers",
		(draft.metadata.finalizers ?? []).filter((name) => name !== TRACKING_FINALIZER),
	);
	return draft;
}

/** -1 for a pod that has none. */
export function indexOf(pod: Pod): number {
	const text = pod.metadata.annotations?.[INDEX_KEY] ?? "";
	return /^[0-9]+$/.test(text) ? Number(text) : -1;
}

export const isSucceeded = (pod: Pod): boolean => pod.status?.phase === "Succeeded";

/** Its containers, if it ever had any, are stopped: only finalizers hold the object. */
const isStopped = (pod: Pod): boolean => isBeingDeleted(pod) && (pod.metadata.deletionGracePeriodSeconds ?? 0) === 0;

/** A pod that is deleted before it ends counts as failed: at once or, where the Job waits for its end, when it has stopped. */
export function isFailed(pod: Pod, job: Job): boolean {
	if (pod.status?.phase === "Failed") return true;
	return !isSucceeded(pod) && (replacesFailedOnly(job) ? isStopped(pod) : isBeingDeleted(pod));
}

/** On its way out, and still running as far as is known. */
export const isTerminating = (pod: Pod): boolean => isBeingDeleted(pod) && !isStopped(pod) && !isSucceeded(pod) && pod.status?.phase !== "Failed";

/** When the pod's last container ended or, where nothing says so, when it became unready, was told to end, or was made (getFinishedTime). */
export function finishedAtMs(pod: Pod, nowMs: number): number {
	const ends = (pod.status?.containerStatuses ?? []).map(({ state }) => timeMs(state?.terminated?.finishedAt));
	if (ends.length > 0 && ends.every((end) => end !== undefined)) return Math.max(...(ends as number[]));
	const unready = timeMs(pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "False")?.lastTransitionTime);
	if (unready !== undefined) return unready;
	const deleted = timeMs(pod.metadata.deletionTimestamp);
	if (deleted !== undefined) return deleted - (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
	return timeMs(pod.metadata.creationTimestamp) ?? nowMs;
}
