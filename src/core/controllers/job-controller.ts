/** Runs a Job's pods to their completion and counts them exactly (k8s.io/kubernetes/pkg/controller/job). */
import { semanticEqual } from "../meta/equality.ts";
import type { Job, Pod } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { claim } from "./claim.ts";
import {
	type Action,
	type Controller,
	controllerOf,
	NOTHING,
	type ObjectChange,
	type ReconcileContext,
	type ReconcileResult,
	type View,
} from "./controller.ts";
import { heedRefusal } from "./refused-creation.ts";
import { draftOf, isBeingDeleted, labelsOf, nameOf, uidOf } from "./identity.ts";
import { activePods, countAwaiting, countPods, type JobCounts } from "./job/job-counts.ts";
import { deadlineInMs, isFinishedJob, type Outcome, outcomeOf } from "./job/job-outcome.ts";
import { statusEvents, statusOf } from "./job/job-status.ts";
import { deleteActive, type Managed, managePods } from "./job/manage-pods.ts";
import { isTracked, withoutTracking } from "./job/tracked-pods.ts";

const JOBS = "batch/jobs";
const PODS = "pods";
/** spec.managedBy that means this controller. */
const MANAGED_BY = "kubernetes.io/job-controller";
/** Keys of pods that no Job controls any more but that still bear its finalizer: no Job's name has a slash. */
const ORPHAN_PREFIX = "orphan/";

export const jobController: Controller = {
	name: "job",
	watches: [
		{ resource: JOBS, keys: ({ object, old }) => [nameOf((object ?? old) as Job)] },
		{ resource: PODS, keys: keysOfPod },
	],
	hearsRefusals: true,
	reconcile: (key, view, ctx) => (key.startsWith(ORPHAN_PREFIX) ? releaseOrphan(key.slice(ORPHAN_PREFIX.length), view) : reconcile(key, view, ctx)),
};

function keysOfPod({ old, object }: ObjectChange, view: View): string[] {
	const keys = new Set<string>();
	for (const version of [old, object]) {
		const owner = version && controllerOf(version);
		if (owner?.kind === "Job") keys.add(owner.name);
	}
	if (object === undefined || controllerOf(object) !== undefined) return [...keys];
	if (isTracked(object as Pod)) keys.add(ORPHAN_PREFIX + nameOf(object));
	for (const job of view.list<Job>(JOBS)) if (labelSelectorOf(job.spec?.selector).matches(labelsOf(object))) keys.add(nameOf(job));
	return [...keys];
}

/** A pod that has lost its Job, or was let go by it, is counted by nobody. */
function releaseOrphan(name: string, view: View): ReconcileResult {
	const pod = view.get<Pod>(PODS, name);
	if (pod === undefined || !isTracked(pod) || controllerOf(pod) !== undefined) return NOTHING;
	return { actions: [{ type: "update", resource: PODS, object: withoutTracking(pod) }] };
}

/** The pods of a Job that is gone: its finalizer must not hold them. */
function releaseAll(name: string, view: View): ReconcileResult {
	const lost = view.list<Pod>(PODS).filter((pod) => isTracked(pod) && controllerOf(pod)?.kind === "Job" && controllerOf(pod)?.name === name);
	return { actions: lost.map((pod): Action => ({ type: "update", resource: PODS, object: withoutTracking(pod) })) };
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const job = view.get<Job>(JOBS, key);
	if (job?.spec === undefined) return releaseAll(key, view);
	if (job.spec.managedBy !== undefined && job.spec.managedBy !== MANAGED_BY) return NOTHING;
	const controlled = view.controlledBy<Pod>(PODS, uidOf(job));
	const finished = isFinishedJob(job);
	const orphans = finished ? [] : view.list<Pod>(PODS, job.spec.selector?.matchLabels).filter((pod) => controllerOf(pod) === undefined);
	const { owned, actions } = claim(job, labelSelectorOf(job.spec.selector), PODS, [...controlled, ...orphans]);
	// What was adopted or let go is written first; the change brings this key back with the new versions to decide on.
	if (actions.length > 0) return { actions: actions.map(trackAdopted) };
	if (finished) return { actions: owned.filter(isTracked).map((pod): Action => ({ type: "update", resource: PODS, object: withoutTracking(pod) })) };
	return sync(job, owned, view, ctx);
}

/** What the Job takes in it counts, what it lets go it does not. */
function trackAdopted(action: Action): Action {
	if (action.type !== "update") return action;
	const pod = action.object as Pod;
	return controllerOf(pod) === undefined && isTracked(pod) ? { ...action, object: withoutTracking(pod) } : action;
}

function sync(job: Job, pods: readonly Pod[], view: View, ctx: ReconcileContext): ReconcileResult {
	const deleted = isBeingDeleted(job);
	const counts = countPods(job, pods, ctx.nowMs);
	const outcome = outcomeOf(job, pods, counts, ctx.nowMs);
	if (outcome !== undefined || deleted) countAwaiting(job, counts);
	const managed = deleted ? { actions: [], active: activePods(pods).length } : manage(job, pods, counts, outcome, view, ctx);
	const status = statusOf(job, pods, counts, managed, outcome, ctx.nowMs);
	const released = deleted ? pods.filter((pod) => isTracked(pod) && (isBeingDeleted(pod) || counts.counted.includes(pod))) : counts.counted;
	const actions: Action[] = [
		...managed.actions,
		...released.map((pod): Action => ({ type: "update", resource: PODS, object: withoutTracking(pod) })),
		...statusEvents(job, status),
	];
	if (!semanticEqual(status, job.status)) actions.push({ type: "updateStatus", resource: JOBS, object: Object.assign(draftOf(job), { status }) });
	const waits = [managed.retryInMs, deleted || outcome ? undefined : deadlineInMs({ ...job, status }, ctx.nowMs)].filter((ms) => ms !== undefined);
	return { actions, ...(waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {}) };
}

function manage(job: Job, pods: readonly Pod[], counts: JobCounts, outcome: Outcome | undefined, view: View, ctx: ReconcileContext): Managed {
	if (outcome !== undefined || job.spec?.suspend) return deleteActive(job, pods, outcome?.type === "FailureTarget");
	const managed = managePods(job, pods, counts, view, ctx);
	const { actions, dropped } = heedRefusal(managed.actions, ctx.refusal, job);
	return { ...managed, actions, active: managed.active - dropped };
}
