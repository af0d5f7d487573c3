/** Keeps the Cluster object's ledger true: tells it of pods that others have bound, and of those that no longer hold a place. */
import type { Pod } from "../schema/kubernetes.d.ts";
import type { Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { podKey, podOfKey } from "./pod-change.ts";
import { DEFAULT_SCHEDULER } from "./pod-scheduling-controller.ts";
import { isFinished } from "./pod-state.ts";

export const podLedgerController: Controller = {
	name: "pod-ledger",
	watches: [{ resource: "pods", keys: keysOf }],
	reconcile,
};

function keysOf({ old, object }: ObjectChange): string[] {
	const [before, now] = [old as Pod | undefined, object as Pod | undefined];
	if (now === undefined) return before ? [podKey(before)] : [];
	if (isFinished(now)) return before && isFinished(before) ? [] : [podKey(now)];
	return now.spec?.nodeName && !before?.spec?.nodeName && boundByOther(before, now) ? [podKey(now)] : [];
}

/** Born with a node, or another scheduler's. What binds the default scheduler's pods out of turn is found when they are bound. */
function boundByOther(before: Pod | undefined, now: Pod): boolean {
	return before === undefined || (now.spec?.schedulerName || DEFAULT_SCHEDULER) !== DEFAULT_SCHEDULER;
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const { ref, pod } = podOfKey(key, view, ctx.namespace);
	const held = pod !== undefined && !isFinished(pod) && pod.spec?.nodeName;
	const body = held ? { type: "placed" as const, namespace: ctx.namespace, pod } : { type: "release" as const, pods: [ref] };
	return { actions: [{ type: "send", message: { to: { object: "cluster" }, body } }] };
}
