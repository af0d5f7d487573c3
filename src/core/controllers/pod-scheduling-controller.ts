/** Asks the Cluster object's scheduler for nodes for the pods that have none. */
import type { MessageBody } from "../protocol/messages.ts";
import type { PersistentVolumeClaim, Pod } from "../schema/kubernetes.d.ts";
import type { Asked } from "../scheduler/scheduling-queue.ts";
import { DEFAULT_SCHEDULER } from "../scheduler/configuration/scheduler-configuration.ts";
import { trimmedPod } from "../scheduler/trimmed-pod.ts";
import { claimNames, trimmedClaim } from "../scheduler/volume-objects.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, View } from "./controller.ts";
import { isBeingDeleted, nameOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { isFinished } from "./pod-state.ts";

const PODS = "pods";
const CLAIMS = "persistentvolumeclaims";
/** Pods in one message. */
export const PLACE_BATCH_MAX = 100;

export interface SchedulingDeps {
	/** Of the scheduler's profiles: pods of other names are other schedulers'. */
	schedulerNames: ReadonlySet<string>;
}

export const POD_SCHEDULING = "pod-scheduling";

export function podSchedulingController(deps: SchedulingDeps): Controller {
	const all = (keys: readonly string[], view: View, ctx: ReconcileContext): Action[] => reconcileAll(keys, view, ctx, deps);
	return {
		name: POD_SCHEDULING,
		watches: [
			{ resource: PODS, keys: (change) => keysOf(change, deps) },
			{ resource: CLAIMS, keys: (change, view) => keysOfClaim(change, view, deps) },
		],
		reconcile: (key, view, ctx) => ({ actions: all([key], view, ctx) }),
		reconcileAll: all,
	};
}

export const isOurs = ({ spec }: Pod, { schedulerNames }: SchedulingDeps): boolean => schedulerNames.has(spec?.schedulerName || DEFAULT_SCHEDULER);

function needsNode(pod: Pod, deps: SchedulingDeps): boolean {
	const { nodeName, schedulingGates = [] } = pod.spec ?? {};
	return !nodeName && !isBeingDeleted(pod) && !isFinished(pod) && schedulingGates.length === 0 && isOurs(pod, deps);
}

/** New pods, and those that changed in a way that may let them be placed; the note of a failed attempt is none. */
function keysOf({ old, object }: ObjectChange, deps: SchedulingDeps): string[] {
	const [before, now] = [old as Pod | undefined, object as Pod | undefined];
	if (now === undefined || !needsNode(now, deps)) return [];
	const sameAsk = before !== undefined && needsNode(before, deps) && semanticEqual(trimmedPod(before), trimmedPod(now));
	return sameAsk ? [] : [nameOf(now)];
}

/** The pods that wait for the claim. */
function keysOfClaim({ old, object }: ObjectChange, view: View, deps: SchedulingDeps): string[] {
	const [before, now] = [old as PersistentVolumeClaim | undefined, object as PersistentVolumeClaim | undefined];
	if (semanticEqual(before && trimmedClaim(before), now && trimmedClaim(now))) return [];
	const name = nameOf((now ?? before) as PersistentVolumeClaim);
	return view
		.list<Pod>(PODS)
		.filter((pod) => needsNode(pod, deps) && claimNames(pod).some((claim) => claim.name === name))
		.map(nameOf);
}

export function asked(pod: Pod, view: View): Asked {
	const names = claimNames(pod).map(({ name }) => name);
	const claims = names.map((name) => view.get<PersistentVolumeClaim>(CLAIMS, name)).filter((claim) => claim !== undefined);
	return { pod: trimmedPod(pod), ...(claims.length > 0 ? { volumeClaims: claims.map(trimmedClaim) } : {}) };
}

function reconcileAll(keys: readonly string[], view: View, ctx: ReconcileContext, deps: SchedulingDeps): Action[] {
	const pods = keys.map((name) => view.get<Pod>(PODS, name)).filter((pod) => pod !== undefined && needsNode(pod, deps)) as Pod[];
	const actions: Action[] = [];
	for (let i = 0; i < pods.length; i += PLACE_BATCH_MAX) {
		const body: MessageBody = { type: "place", namespace: ctx.namespace, asked: pods.slice(i, i + PLACE_BATCH_MAX).map((pod) => asked(pod, view)) };
		actions.push({ type: "send", message: { to: { object: "cluster" }, body } });
	}
	return actions;
}
