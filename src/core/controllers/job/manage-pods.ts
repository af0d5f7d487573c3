/** Makes and takes away pods so that as many run as the Job wants (manageJob). */
import type { Job, Pod } from "../../schema/kubernetes.d.ts";
import type { Action, ReconcileContext, View } from "../controller.ts";
import { nameOf, uidOf } from "../identity.ts";
import { deletionOrder } from "../pod-deletion-order.ts";
import { backoffMs, indexBackoffMs } from "./backoff.ts";
import { activePods, isValidIndex, type JobCounts, terminatingPods } from "./job-counts.ts";
import { podFor } from "./pod-template.ts";
import { hasIndexLimit, indexOf, isIndexed, isTracked, replacesFailedOnly, withoutTracking } from "./tracked-pods.ts";

const PODS = "pods";
/** Most pods made or deleted in one reconcile (MaxPodCreateDeletePerSync). */
export const PODS_PER_RECONCILE_MAX = 500;

export interface Managed {
	actions: Action[];
	/** Pods that run once the actions are done. */
	active: number;
	/** When a pod that waits for its back-off may be made. */
	retryInMs?: number;
}

/** A pod that the Job itself no longer wants did not fail: it is let go before it is deleted. */
function dismissal(job: Job, pod: Pod): Action[] {
	return [...(isTracked(pod) ? [{ type: "update" as const, resource: PODS, object: withoutTracking(pod) }] : []), ...deletion(job, pod)];
}

function deletion(job: Job, pod: Pod): Action[] {
	return [
		{ type: "delete", resource: PODS, name: nameOf(pod), uid: uidOf(pod) },
		{ type: "event", about: job, eventType: "Normal", reason: "SuccessfulDelete", message: `Deleted pod: ${nameOf(pod)}` },
	];
}

export function managePods(job: Job, pods: readonly Pod[], counts: JobCounts, view: View, ctx: ReconcileContext): Managed {
	const active = activePods(pods);
	const wanted = wantedActive(job, active.length, counts);
	const surplus = surplusPods(job, active, active.length - wanted, counts, ctx.nowMs);
	if (surplus.length > 0) return { actions: surplus.flatMap((pod) => dismissal(job, pod)), active: active.length - surplus.length };
	const terminating = replacesFailedOnly(job) ? terminatingPods(pods) : [];
	const missing = Math.min(wanted - active.length - terminating.length, PODS_PER_RECONCILE_MAX);
	if (missing <= 0) return { actions: [], active: active.length };
	const made = createPods(job, missing, [...active, ...terminating], pods, counts, view, ctx);
	return { ...made, active: active.length + made.active };
}

function wantedActive({ spec }: Job, active: number, { succeeded, failedIndexes }: JobCounts): number {
	const parallelism = spec?.parallelism ?? 1;
	// Of a work queue any success says that it is done: what runs may end.
	if (spec?.completions === undefined) return succeeded > 0 ? active : parallelism;
	return Math.max(0, Math.min(spec.completions - succeeded - failedIndexes.size, parallelism));
}

/** Pods of an index that is done, too high or taken go first, then those that were the least use. */
function surplusPods(job: Job, active: readonly Pod[], count: number, counts: JobCounts, nowMs: number): Pod[] {
	const useless: Pod[] = [];
	if (isIndexed(job)) {
		const seen = new Set<number>();
		for (const pod of [...active].sort(byAge)) {
			const index = indexOf(pod);
			if (!isValidIndex(job, index) || seen.has(index) || counts.succeededIndexes.has(index) || counts.failedIndexes.has(index)) useless.push(pod);
			seen.add(index);
		}
	}
	const rest = active.filter((pod) => !useless.includes(pod));
	const more = Math.max(0, count - useless.length);
	return [...useless, ...deletionOrder(rest, rest, nowMs).slice(0, more)].slice(0, PODS_PER_RECONCILE_MAX);
}

const byAge = (a: Pod, b: Pod): number => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1);

function createPods(job: Job, count: number, present: readonly Pod[], pods: readonly Pod[], counts: JobCounts, view: View, ctx: ReconcileContext): Managed {
	const waitMs = hasIndexLimit(job) ? 0 : backoffMs(job, pods, ctx.nowMs);
	if (waitMs > 0) return { actions: [], active: 0, retryInMs: waitMs };
	const indexes = isIndexed(job)
		? pendingIndexes(job, count, present, counts, ctx.nowMs)
		: { ready: Array.from({ length: count }, () => undefined), retryInMs: undefined };
	const chosen = indexes.ready;
	const names = new Set<string>();
	const actions = chosen.flatMap((index): Action[] => {
		let pod: Pod;
		do pod = podFor(job, index, index === undefined ? undefined : counts.awaitingSuccessor.get(index), ctx.suffix);
		while (names.has(nameOf(pod)) || view.get(PODS, nameOf(pod)) !== undefined);
		names.add(nameOf(pod));
		return [
			{ type: "create", resource: PODS, object: pod },
			{ type: "event", about: job, eventType: "Normal", reason: "SuccessfulCreate", message: `Created pod: ${nameOf(pod)}` },
		];
	});
	return { actions, active: chosen.length, ...(indexes.retryInMs === undefined ? {} : { retryInMs: indexes.retryInMs }) };
}

/** The `count` lowest indexes that nothing is done about; those of them whose back-off is still on keep their turn, and wait. */
function pendingIndexes(job: Job, count: number, present: readonly Pod[], counts: JobCounts, nowMs: number): { ready: number[]; retryInMs?: number } {
	const taken = new Set(present.map(indexOf));
	const ready: number[] = [];
	let retryInMs: number | undefined;
	let left = count;
	for (let index = 0; index < (job.spec?.completions ?? 0) && left > 0; index++) {
		if (taken.has(index) || counts.succeededIndexes.has(index) || counts.failedIndexes.has(index)) continue;
		left -= 1;
		const waitMs = indexBackoffMs(counts.awaitingSuccessor.get(index), nowMs);
		if (waitMs === 0) ready.push(index);
		else retryInMs = Math.min(retryInMs ?? waitMs, waitMs);
	}
	return { ready, ...(retryInMs === undefined ? {} : { retryInMs }) };
}

/** Takes away all that runs: when the Job fails they count as failed (`counted`), when it succeeds or is suspended they do not. */
export function deleteActive(job: Job, pods: readonly Pod[], counted: boolean): Managed {
	const active = activePods(pods);
	return {
		actions: active.slice(0, PODS_PER_RECONCILE_MAX).flatMap((pod) => (counted ? deletion(job, pod) : dismissal(job, pod))),
		active: Math.max(0, active.length - PODS_PER_RECONCILE_MAX),
	};
}
