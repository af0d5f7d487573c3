/** Asks the Cluster object's scheduler for nodes for the pods that have none. */
import type { MessageBody } from "../protocol/messages.ts";
import type { PersistentVolumeClaim, Pod } from "../schema/kubernetes.d.ts";
import type { Asked } from "../scheduler/scheduling-queue.ts";
import { trimmedPod } from "../scheduler/trimmed-pod.ts";
import { claimNames, trimmedClaim } from "../scheduler/volume-objects.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, View } from "./controller.ts";
import { isBeingDeleted, nameOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { isFinished } from "./pod-state.ts";

const PODS = "pods";
const CLAIMS = "persistentvolumeclaims";
export const DEFAULT_SCHEDULER = "default-scheduler";
/** Pods in one message. */
export const PLACE_BATCH_MAX = 100;

export const podSchedulingController: Controller = {
	name: "pod-scheduling",
	watches: [
		{ resource: PODS, keys: keysOf },
		{ resource: CLAIMS, keys: keysOfClaim },
	],
	reconcile: (key, view, ctx) => ({ actions: reconcileAll([key], view, ctx) }),
	reconcileAll,
};

export function needsNode(pod: Pod): boolean {
	const { nodeName, schedulerName, schedulingGates = [] } = pod.spec ?? {};
	return !nodeName && !isBeingDeleted(pod) && !isFinished(pod) && schedulingGates.length === 0 && (schedulerName || DEFAULT_SCHEDULER) === DEFAULT_SCHEDULER;
}

/** New pods, and those that changed in a way that may let them be placed; the note of a failed attempt is none. */
function keysOf({ old, object }: ObjectChange): string[] {
	const [before, now] = [old as Pod | undefined, object as Pod | undefined];
	if (now === undefined || !needsNode(now)) return [];
	const sameAsk = before !== undefined && needsNode(before) && semanticEqual(trimmedPod(before), trimmedPod(now));
	return sameAsk ? [] : [nameOf(now)];
}

/** The pods that wait for the claim. */
function keysOfClaim({ old, object }: ObjectChange, view: View): string[] {
	const [before, now] = [old as PersistentVolumeClaim | undefined, object as PersistentVolumeClaim | undefined];
	if (semanticEqual(before && trimmedClaim(before), now && trimmedClaim(now))) return [];
	const name = nameOf((now ?? before) as PersistentVolumeClaim);
	return view
		.list<Pod>(PODS)
		.filter((pod) => needsNode(pod) && claimNames(pod).some((claim) => claim.name === name))
		.map(nameOf);
}

function asked(pod: Pod, view: View): Asked {
	const names = claimNames(pod).map(({ name }) => name);
	const claims = names.map((name) => view.get<PersistentVolumeClaim>(CLAIMS, name)).filter((claim) => claim !== undefined);
	return { pod: trimmedPod(pod), ...(claims.length > 0 ? { volumeClaims: claims.map(trimmedClaim) } : {}) };
}

function reconcileAll(keys: readonly string[], view: View, ctx: ReconcileContext): Action[] {
	const pods = keys.map((name) => view.get<Pod>(PODS, name)).filter((pod) => pod !== undefined && needsNode(pod)) as Pod[];
	const actions: Action[] = [];
	for (let i = 0; i < pods.length; i += PLACE_BATCH_MAX) {
		const body: MessageBody = { type: "place", namespace: ctx.namespace, asked: pods.slice(i, i + PLACE_BATCH_MAX).map((pod) => asked(pod, view)) };
		actions.push({ type: "send", message: { to: { object: "cluster" }, body } });
	}
	return actions;
}
