/** Whether a Job is on its way to its end, and to which: the conditions that come before Complete and Failed. */
import type { Job, JobCondition, Pod } from "../../schema/kubernetes.d.ts";
import { timeMs } from "../meta-time.ts";
import { indexesOf } from "./index-set.ts";
import { activePods, failuresSoFar, type JobCounts } from "./job-counts.ts";
import { isIndexed } from "./tracked-pods.ts";

export interface Outcome {
	/** Complete follows the one, Failed the other, once no pod is left. */
	type: "SuccessCriteriaMet" | "FailureTarget";
	reason: string;
	message: string;
}

export const jobCondition = (job: Job, type: string): JobCondition | undefined =>
	job.status?.conditions?.find((condition) => condition.type === type && condition.status === "True");
export const isFinishedJob = (job: Job): boolean => jobCondition(job, "Complete") !== undefined || jobCondition(job, "Failed") !== undefined;

/** An outcome once settled stays. */
export function outcomeOf(job: Job, pods: readonly Pod[], counts: JobCounts, nowMs: number): Outcome | undefined {
	for (const type of ["FailureTarget", "SuccessCriteriaMet"] as const) {
		const settled = jobCondition(job, type);
		if (settled) return { type, reason: settled.reason ?? "", message: settled.message ?? "" };
	}
	return failureOf(job, pods, counts, nowMs) ?? successOf(job, pods, counts);
}

const failure = (reason: string, message: string): Outcome => ({ type: "FailureTarget", reason, message });

function failureOf(job: Job, pods: readonly Pod[], counts: JobCounts, nowMs: number): Outcome | undefined {
	if (counts.failJobMessage !== undefined) return failure("PodFailurePolicy", counts.failJobMessage);
	if (exceedsBackoffLimit(job, pods, counts)) return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
	if (deadlineInMs(job, nowMs) === 0) return failure("DeadlineExceeded", "Job was active longer than specified deadline");
	return indexFailure(job, counts);
}

function indexFailure(job: Job, { failedIndexes, succeededIndexes }: JobCounts): Outcome | undefined {
	const { backoffLimitPerIndex, maxFailedIndexes, completions = 0 } = job.spec ?? {};
	if (!isIndexed(job) || backoffLimitPerIndex === undefined) return undefined;
	if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes)
		return failure("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
	if (failedIndexes.size > 0 && failedIndexes.size + succeededIndexes.size >= completions) return failure("FailedIndexes", "Job has failed indexes");
	return undefined;
}

/** Restarts of containers count against the limit where pods restart them. */
function exceedsBackoffLimit(job: Job, pods: readonly Pod[], counts: JobCounts): boolean {
	const limit = job.spec?.backoffLimit ?? 0;
	if (failuresSoFar(job, counts) > limit) return true;
	if (job.spec?.template.spec?.restartPolicy !== "OnFailure") return false;
	const running = pods.filter((pod) => pod.status?.phase === "Running" || pod.status?.phase === "Pending");
	const restarts = running
		.flatMap((pod) => [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])])
		.reduce((sum, { restartCount }) => sum + restartCount, 0);
	return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Milliseconds until activeDeadlineSeconds is over; undefined when there is none or it does not run. */
export function deadlineInMs({ spec, status }: Job, nowMs: number): number | undefined {
	const startedMs = timeMs(status?.startTime);
	if (spec?.activeDeadlineSeconds === undefined || startedMs === undefined || spec.suspend) return undefined;
	return Math.max(0, startedMs + spec.activeDeadlineSeconds * 1000 - nowMs);
}

function successOf(job: Job, pods: readonly Pod[], counts: JobCounts): Outcome | undefined {
	const rules = isIndexed(job) ? (job.spec?.successPolicy?.rules ?? []) : [];
	for (const [index, { succeededIndexes, succeededCount }] of rules.entries()) {
		const wanted = succeededIndexes === undefined ? undefined : indexesOf(succeededIndexes, job.spec?.completions ?? 0);
		const met = wanted === undefined ? counts.succeededIndexes.size : [...wanted].filter((one) => counts.succeededIndexes.has(one)).length;
		if (met >= (succeededCount ?? wanted?.size ?? Number.POSITIVE_INFINITY))
			return { type: "SuccessCriteriaMet", reason: "SuccessPolicy", message: `Matched rules at index ${index}` };
	}
	const { completions } = job.spec ?? {};
	const reached = completions === undefined ? counts.succeeded > 0 && activePods(pods).length === 0 : counts.succeeded >= completions;
	return reached ? { type: "SuccessCriteriaMet", reason: "CompletionsReached", message: "Reached expected number of succeeded pods" } : undefined;
}
