/** Takes back a pod's DisruptionTarget condition when the deletion it announced did not come (the disruption controller's second queue). */
import type { Pod } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";
import { timeMs } from "./meta-time.ts";
import { withCondition } from "./pod-binding.ts";
import { isFinished, podCondition } from "./pod-state.ts";

const PODS = "pods";
const DISRUPTION_TARGET = "DisruptionTarget";
/** In milliseconds (stalePodDisruptionTimeout). */
const STALE_AFTER_MS = 2 * 60_000;

export const staleDisruptionController: Controller = {
	name: "stale-pod-disruption",
	watches: [{ resource: PODS, keys: ({ object }) => (object !== undefined && mayBecomeStale(object as Pod) ? [nameOf(object)] : []) }],
	reconcile,
};

/** A node's own announcement may come long before the deletion. */
function mayBecomeStale(pod: Pod): boolean {
	const condition = podCondition(pod, DISRUPTION_TARGET);
	return condition?.status === "True" && condition.reason !== "TerminationByKubelet" && !isBeingDeleted(pod) && !isFinished(pod);
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const pod = view.get<Pod>(PODS, key);
	if (pod === undefined || !mayBecomeStale(pod)) return NOTHING;
	const leftMs = (timeMs(podCondition(pod, DISRUPTION_TARGET)?.lastTransitionTime) ?? 0) + STALE_AFTER_MS - ctx.nowMs;
	if (leftMs > 0) return { actions: [], requeueAfterMs: leftMs };
	const draft = draftOf(pod);
	draft.status = { ...draft.status, conditions: withCondition(pod, { type: DISRUPTION_TARGET, status: "False" }, ctx.nowMs) };
	return { actions: [{ type: "updateStatus", resource: PODS, object: draft }] };
}
