/** Deletes Jobs some time after their end (k8s.io/kubernetes/pkg/controller/ttlafterfinished). */
import type { Job } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { jobCondition } from "./job/job-outcome.ts";
import { timeMs } from "./meta-time.ts";

const JOBS = "batch/jobs";

export const ttlAfterFinishedController: Controller = {
	name: "ttl-after-finished",
	watches: [{ resource: JOBS, keys: ({ object }) => (object && isCandidate(object as Job) ? [nameOf(object)] : []) }],
	reconcile,
};

const endOf = (job: Job): string | undefined => (jobCondition(job, "Complete") ?? jobCondition(job, "Failed"))?.lastTransitionTime;
const isCandidate = (job: Job): boolean => job.spec?.ttlSecondsAfterFinished !== undefined && !isBeingDeleted(job) && endOf(job) !== undefined;

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const job = view.get<Job>(JOBS, key);
	const finishedMs = job && isCandidate(job) ? timeMs(endOf(job)) : undefined;
	if (job === undefined || finishedMs === undefined) return NOTHING;
	const leftMs = finishedMs + (job.spec?.ttlSecondsAfterFinished ?? 0) * 1000 - ctx.nowMs;
	if (leftMs > 0) return { actions: [], requeueAfterMs: leftMs };
	return { actions: [{ type: "delete", resource: JOBS, name: key, uid: uidOf(job), propagation: "Foreground" }] };
}
