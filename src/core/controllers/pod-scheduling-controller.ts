/** Asks the Cluster object's scheduler for nodes for the pods that have none. */
import type { Pod } from "../schema/kubernetes.d.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { isBeingDeleted } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { isFinished } from "./pod-state.ts";

const PODS = "pods";
const KEY = "place";
export const DEFAULT_SCHEDULER = "default-scheduler";
/** Pods in one message. */
export const PLACE_BATCH_MAX = 100;

export const podSchedulingController: Controller = {
	name: "pod-scheduling",
	watches: [{ resource: PODS, keys: keysOf }],
	standingKeys: [KEY],
	reconcile,
};

export function needsNode(pod: Pod): boolean {
	const { nodeName, schedulerName, schedulingGates = [] } = pod.spec ?? {};
	return !nodeName && !isBeingDeleted(pod) && !isFinished(pod) && schedulingGates.length === 0 && (schedulerName || DEFAULT_SCHEDULER) === DEFAULT_SCHEDULER;
}

/** New pods, and those that changed in a way that may let them be placed; the note of a failed attempt is none. */
function keysOf({ old, object }: ObjectChange): string[] {
	const [before, now] = [old as Pod | undefined, object as Pod | undefined];
	if (now === undefined || !needsNode(now)) return [];
	const sameAsk =
		before !== undefined && needsNode(before) && semanticEqual(before.spec, now.spec) && semanticEqual(before.metadata.labels, now.metadata.labels);
	return sameAsk ? [] : [KEY];
}

function reconcile(_key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const pods = view.list<Pod>(PODS).filter(needsNode);
	pods.sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1));
	const actions: Action[] = [];
	for (let i = 0; i < pods.length; i += PLACE_BATCH_MAX) {
		const body = { type: "place" as const, namespace: ctx.namespace, pods: pods.slice(i, i + PLACE_BATCH_MAX) };
		actions.push({ type: "send", message: { to: { object: "cluster" }, body } });
	}
	return { actions };
}
