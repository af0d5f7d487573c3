/** Takes in what agents report of their pods. */
import type { MessageBody } from "../protocol/messages.ts";
import type { Pod, PodCondition, PodStatus } from "../schema/kubernetes.d.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { metaTime } from "./meta-time.ts";
import { isFinished } from "./pod-state.ts";

const PODS = "pods";

/** A finished pod stays finished, and a report of another pod of that name, or from another node, changes nothing. */
export function applyPodStatuses(view: View, { node, statuses }: Extract<MessageBody, { type: "podStatus" }>, nowMs: number): Action[] {
	return statuses.flatMap(({ pod: ref, status }): Action[] => {
		const pod = view.get<Pod>(PODS, ref.name);
		// A node that runs what is not there any more was told of it by a message that came too late.
		if (pod === undefined || uidOf(pod) !== ref.uid)
			return [{ type: "send", message: { to: { object: "node", name: node }, body: { type: "unassign", pods: [ref] } } }];
		if (pod.spec?.nodeName !== node || isFinished(pod)) return [];
		const merged = mergedStatus(pod.status ?? {}, status, nowMs);
		if (semanticEqual(merged, pod.status)) return [];
		const draft = draftOf(pod);
		draft.status = merged;
		return [{ type: "updateStatus", resource: PODS, object: draft }];
	});
}

/** The agent's alone, and gone when it no longer tells of them. */
const AGENTS_OWN = new Set(["PodResizePending", "PodResizeInProgress"]);

/** The report, with what is not the agent's to say: the QoS class, the names of its claims, and conditions that others keep. */
function mergedStatus(stored: PodStatus, reported: PodStatus, nowMs: number): PodStatus {
	const reportedTypes = new Set((reported.conditions ?? []).map((condition) => condition.type));
	const others = (stored.conditions ?? []).filter(
		(condition) => condition.type === "PodScheduled" || !(reportedTypes.has(condition.type) || AGENTS_OWN.has(condition.type)),
	);
	const own = (reported.conditions ?? []).filter((condition) => condition.type !== "PodScheduled" || !others.some((c) => c.type === "PodScheduled"));
	return {
		...reported,
		...(stored.qosClass ? { qosClass: stored.qosClass } : {}),
		...(stored.resourceClaimStatuses ? { resourceClaimStatuses: stored.resourceClaimStatuses } : {}),
		...(stored.extendedResourceClaimStatus ? { extendedResourceClaimStatus: stored.extendedResourceClaimStatus } : {}),
		conditions: [...own.map((condition) => timed(condition, stored, nowMs)), ...others],
	};
}

/** lastTransitionTime moves only with the status. */
function timed(condition: PodCondition, stored: PodStatus, nowMs: number): PodCondition {
	const current = stored.conditions?.find((c) => c.type === condition.type);
	const time = current?.status === condition.status ? current.lastTransitionTime : (condition.lastTransitionTime ?? metaTime(nowMs));
	return { ...condition, ...(time ? { lastTransitionTime: time } : {}) };
}

/** The agent has stopped and cleaned up these: their objects can go. */
export function applyPodStopped(view: View, { node, pods }: Extract<MessageBody, { type: "podStopped" }>): Action[] {
	return pods.flatMap((ref): Action[] => {
		const pod = view.get<Pod>(PODS, ref.name);
		if (pod === undefined || uidOf(pod) !== ref.uid || pod.spec?.nodeName !== node || !isBeingDeleted(pod)) return [];
		return [{ type: "delete", resource: PODS, name: nameOf(pod), uid: uidOf(pod), gracePeriodSeconds: 0 }];
	});
}
