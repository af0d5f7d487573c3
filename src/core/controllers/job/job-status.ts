/** What a Job's status says, and the Events that tell of its turns. */
import type { Job, JobCondition, JobStatus, Pod } from "../../schema/kubernetes.d.ts";
import type { Action } from "../controller.ts";
import { metaTime } from "../meta-time.ts";
import { isReady } from "../pod-state.ts";
import { indexesText } from "./index-set.ts";
import { activePods, type JobCounts, terminatingPods } from "./job-counts.ts";
import type { Outcome } from "./job-outcome.ts";
import type { Managed } from "./manage-pods.ts";
import { hasIndexLimit, isIndexed } from "./tracked-pods.ts";

export function statusOf(job: Job, pods: readonly Pod[], counts: JobCounts, managed: Managed, outcome: Outcome | undefined, nowMs: number): JobStatus {
	const now = metaTime(nowMs);
	const conditions = conditionsOf(job, pods, outcome, now);
	const resumed = has(job.status?.conditions, "Suspended") && !has(conditions, "Suspended");
	// The deadline of a suspended Job begins anew, and what its pods are like may be changed until then (KEP-5440).
	const paused = has(conditions, "Suspended") && outcome === undefined;
	const startTime = paused ? undefined : resumed ? now : (job.status?.startTime ?? (job.spec?.suspend ? undefined : now));
	const completionTime = job.status?.completionTime ?? (has(conditions, "Complete") ? now : undefined);
	const numbers = { active: managed.active, succeeded: counts.succeeded, failed: counts.failed };
	return {
		...(conditions.length > 0 ? { conditions } : {}),
		...(startTime ? { startTime } : {}),
		...(completionTime ? { completionTime } : {}),
		...Object.fromEntries(Object.entries(numbers).filter(([, count]) => count > 0)),
		terminating: terminatingPods(pods).length,
		...(isIndexed(job) && counts.succeededIndexes.size > 0 ? { completedIndexes: indexesText(counts.succeededIndexes) } : {}),
		...(isIndexed(job) && hasIndexLimit(job) ? { failedIndexes: indexesText(counts.failedIndexes) } : {}),
		uncountedTerminatedPods: {},
		ready: activePods(pods).filter(isReady).length,
	};
}

const has = (conditions: readonly JobCondition[] | undefined, type: string): boolean =>
	conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;

function conditionsOf(job: Job, pods: readonly Pod[], outcome: Outcome | undefined, now: string): JobCondition[] {
	const conditions = [...(job.status?.conditions ?? [])];
	const add = (type: string, { reason, message }: { reason: string; message: string }): void => {
		if (!has(conditions, type)) conditions.push({ type, status: "True", lastProbeTime: now, lastTransitionTime: now, reason, message });
	};
	if (outcome === undefined) return withSuspension(job, conditions, now);
	add(outcome.type, outcome);
	// The end is told when nothing runs any more (KEP-3939).
	if (activePods(pods).length + terminatingPods(pods).length === 0) add(outcome.type === "FailureTarget" ? "Failed" : "Complete", outcome);
	return conditions;
}

function withSuspension(job: Job, conditions: JobCondition[], now: string): JobCondition[] {
	const suspended = job.spec?.suspend === true;
	const old = conditions.find(({ type }) => type === "Suspended");
	const status = suspended ? "True" : "False";
	if (old?.status === status || (old === undefined && !suspended)) return conditions;
	const texts = suspended ? { reason: "JobSuspended", message: "Job suspended" } : { reason: "JobResumed", message: "Job resumed" };
	const changed = { type: "Suspended", status, lastProbeTime: now, lastTransitionTime: now, ...texts };
	return old === undefined ? [...conditions, changed] : conditions.map((condition) => (condition === old ? changed : condition));
}

/** Events for the conditions that this look brought about. */
export function statusEvents(job: Job, { conditions = [], succeeded = 0 }: JobStatus): Action[] {
	const before = job.status?.conditions;
	const event = (eventType: "Normal" | "Warning", reason: string, message: string): Action => ({ type: "event", about: job, eventType, reason, message });
	const events: Action[] = [];
	const changed = (type: string): boolean => has(conditions, type) && !has(before, type);
	const failed = conditions.find(({ type }) => type === "Failed");
	if (changed("Suspended")) events.push(event("Normal", "Suspended", "Job suspended"));
	if (has(before, "Suspended") && !has(conditions, "Suspended")) events.push(event("Normal", "Resumed", "Job resumed"));
	if (changed("Complete") && succeeded > (job.spec?.completions ?? Number.POSITIVE_INFINITY))
		events.push(event("Warning", "TooManySucceededPods", "Too many succeeded pods running after completion count reached"));
	if (changed("Complete")) events.push(event("Normal", "Completed", "Job completed"));
	if (changed("Failed")) events.push(event("Warning", failed?.reason ?? "", failed?.message ?? ""));
	return events;
}
