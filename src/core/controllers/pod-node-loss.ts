/** What happens to pods whose node is tainted, lost or deleted. */
import type { MessageBody, PodRef } from "../protocol/messages.ts";
import type { Pod, PodCondition } from "../schema/kubernetes.d.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { withCondition } from "./pod-binding.ts";
import { isFinished, isReady, podCondition } from "./pod-state.ts";

const PODS = "pods";

function podsOf(view: View, refs: readonly PodRef[]): Pod[] {
	return refs.flatMap((ref) => {
		const pod = view.get<Pod>(PODS, ref.name);
		return pod !== undefined && uidOf(pod) === ref.uid ? [pod] : [];
	});
}

const deletion = (pod: Pod, gracePeriodSeconds?: number): Action => ({
	type: "delete",
	resource: PODS,
	name: nameOf(pod),
	uid: uidOf(pod),
	...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
});

function statusWrite(pod: Pod, conditions: PodCondition[], phase?: "Failed"): Action {
	const draft = draftOf(pod);
	draft.status = { ...draft.status, ...(phase ? { phase } : {}), conditions };
	return { type: "updateStatus", resource: PODS, object: draft };
}

/** A NoExecute taint that the pods do not tolerate, or no longer (taint-eviction-controller). */
export function applyEviction(view: View, { pods, reason, message }: Extract<MessageBody, { type: "evictPods" }>, nowMs: number): Action[] {
	return podsOf(view, pods)
		.filter((pod) => !isBeingDeleted(pod))
		.flatMap((pod) => {
			const told = { reason: "TaintManagerEviction", message: `Marking for deletion Pod ${pod.metadata.namespace}/${nameOf(pod)}` };
			return evictionOf(pod, told, { reason, message }, nowMs);
		});
}

/** A pod that must go: an Event says so, its condition why. */
export function evictionOf(pod: Pod, told: { reason: string; message: string }, why: { reason: string; message: string }, nowMs: number): Action[] {
	return [
		{ type: "event", about: pod, eventType: "Normal", ...told },
		statusWrite(pod, withCondition(pod, { type: "DisruptionTarget", status: "True", ...why }, nowMs)),
		deletion(pod),
	];
}

/** The node does not answer: its pods may run, but nothing may be sent to them (node-lifecycle-controller, MarkPodsNotReady). */
export function applyNodeLost(view: View, { node, pods }: Extract<MessageBody, { type: "nodeLost" }>, nowMs: number): Action[] {
	return podsOf(view, pods)
		.filter((pod) => pod.spec?.nodeName === node && isReady(pod))
		.flatMap((pod): Action[] => [
			statusWrite(pod, withCondition(pod, { ...(podCondition(pod, "Ready") as PodCondition), status: "False" }, nowMs)),
			{ type: "event", about: pod, eventType: "Warning", reason: "NodeNotReady", message: "Node is not ready" },
		]);
}

/** The node is lost and out of service: what is to be deleted there never ends by itself (pod-garbage-collector, gcTerminating). */
export function applyOutOfService(view: View, { node, pods }: Extract<MessageBody, { type: "nodeOutOfService" }>): Action[] {
	return podsOf(view, pods)
		.filter((pod) => pod.spec?.nodeName === node && isBeingDeleted(pod))
		.flatMap((pod): Action[] => [...(isFinished(pod) ? [] : [statusWrite(pod, pod.status?.conditions ?? [], "Failed")]), deletion(pod, 0)]);
}

/** The Node object was deleted: nobody is left to stop its pods or to report on them (pod-garbage-collector). */
export function applyNodeGone(view: View, { node, pods }: Extract<MessageBody, { type: "nodeGone" }>, nowMs: number): Action[] {
	const condition: PodCondition = { type: "DisruptionTarget", status: "True", reason: "DeletionByPodGC", message: "PodGC: node no longer exists" };
	return podsOf(view, pods)
		.filter((pod) => pod.spec?.nodeName === node)
		.flatMap((pod): Action[] => [...(isFinished(pod) ? [] : [statusWrite(pod, withCondition(pod, condition, nowMs), "Failed")]), deletion(pod, 0)]);
}
