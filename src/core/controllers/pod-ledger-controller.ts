/**
 * Keeps the Cluster object's ledger true: tells it of pods that others have bound, of what changed of bound pods that
 * decisions depend on, and of pods that no longer hold or want a place.
 */
import type { MessageBody, PodRef } from "../protocol/messages.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import { trimmedPod } from "../scheduler/trimmed-pod.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, View } from "./controller.ts";
import { isBeingDeleted } from "./identity.ts";
import { podKey, podOfKey } from "./pod-change.ts";
import { isOurs, PLACE_BATCH_MAX, type SchedulingDeps } from "./pod-scheduling-controller.ts";
import { isFinished, podCondition } from "./pod-state.ts";

export function podLedgerController(deps: SchedulingDeps): Controller {
	return {
		name: "pod-ledger",
		watches: [{ resource: "pods", keys: (change) => keysOf(change, deps) }],
		reconcile: (key, view, ctx) => ({ actions: reconcileAll([key], view, ctx) }),
		reconcileAll,
	};
}

function keysOf({ old, object }: ObjectChange, deps: SchedulingDeps): string[] {
	const [before, now] = [old as Pod | undefined, object as Pod | undefined];
	if (now === undefined) return before ? [podKey(before)] : [];
	if (isFinished(now)) return before && isFinished(before) ? [] : [podKey(now)];
	if (!now.spec?.nodeName) return isBeingDeleted(now) && before && !isBeingDeleted(before) ? [podKey(now)] : [];
	const tells = before?.spec?.nodeName ? countsDifferently(before, now) : boundByOther(before, now, deps);
	return tells ? [podKey(now)] : [];
}

/**
 * Born with a node, another scheduler's, or waiting in vain until someone bound it. What binds this scheduler's pods
 * while it decides about them is found when its answer comes.
 */
function boundByOther(before: Pod | undefined, now: Pod, deps: SchedulingDeps): boolean {
	if (before === undefined || !isOurs(now, deps)) return true;
	return podCondition(before, "PodScheduled")?.status === "False";
}

/** Labels decide what selectors count, a resize what the node has left. */
function countsDifferently(before: Pod, now: Pod): boolean {
	if (!semanticEqual(before.metadata.labels, now.metadata.labels)) return true;
	const resources = (pod: Pod) => [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map((container) => container.resources);
	return before.spec !== now.spec && !semanticEqual([resources(before), before.spec?.resources], [resources(now), now.spec?.resources]);
}

function reconcileAll(keys: readonly string[], view: View, ctx: ReconcileContext): Action[] {
	const released: PodRef[] = [];
	const placed: Pod[] = [];
	for (const key of keys) {
		const { ref, pod } = podOfKey(key, view, ctx.namespace);
		if (pod !== undefined && !isFinished(pod) && pod.spec?.nodeName) placed.push(trimmedPod(pod));
		else released.push(ref);
	}
	const bodies: MessageBody[] = [];
	for (let i = 0; i < placed.length; i += PLACE_BATCH_MAX)
		bodies.push({ type: "placed", namespace: ctx.namespace, pods: placed.slice(i, i + PLACE_BATCH_MAX) });
	if (released.length > 0) bodies.push({ type: "release", pods: released });
	return bodies.map((body): Action => ({ type: "send", message: { to: { object: "cluster" }, body } }));
}
