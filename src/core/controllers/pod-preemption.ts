/** Takes in the scheduler's word that pods must make way for a more important one (preemption.Executor). */
import type { MessageBody, PodRef } from "../protocol/messages.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { withCondition } from "./pod-binding.ts";
import { isFinished } from "./pod-state.ts";

type PreemptMessage = Extract<MessageBody, { type: "preempt" }>;

const PODS = "pods";

/** One that is on its way out already just goes on. */
export function applyPreemption(view: View, { preemptor, schedulerName, node }: PreemptMessage, victim: PodRef, nowMs: number): Action[] {
	const pod = view.get<Pod>(PODS, victim.name);
	if (pod === undefined || uidOf(pod) !== victim.uid || isBeingDeleted(pod) || isFinished(pod) || pod.spec?.nodeName !== node) return [];
	const draft = draftOf(pod);
	const message = `${schedulerName}: preempting to accommodate a higher priority pod`;
	const condition = { type: "DisruptionTarget", status: "True" as const, reason: "PreemptionByScheduler", message };
	draft.status = { ...draft.status, conditions: withCondition(pod, condition, nowMs) };
	return [
		{ type: "updateStatus", resource: PODS, object: draft },
		{ type: "delete", resource: PODS, name: nameOf(pod), uid: uidOf(pod) },
		{ type: "event", about: pod, eventType: "Normal", reason: "Preempted", message: `Preempted by pod ${preemptor.uid} on node ${node}` },
	];
}

/** A more important pod took the place that was kept for these. */
export function applyDenomination(view: View, ref: PodRef): Action[] {
	const pod = view.get<Pod>(PODS, ref.name);
	if (pod === undefined || uidOf(pod) !== ref.uid || pod.spec?.nodeName || !pod.status?.nominatedNodeName) return [];
	const draft = draftOf(pod);
	delete draft.status?.nominatedNodeName;
	return [{ type: "updateStatus", resource: PODS, object: draft }];
}
