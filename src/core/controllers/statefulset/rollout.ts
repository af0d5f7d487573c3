/** One reconcile of one StatefulSet in progress. */
import type { ControllerRevision, Pod, PodTemplateSpec, StatefulSet } from "../../schema/kubernetes.d.ts";
import type { Action, ReconcileContext, View } from "../controller.ts";
import { templateOf } from "../controller-history.ts";
import { isBeingDeleted, nameOf } from "../identity.ts";
import { isAvailable, isReady } from "../pod-state.ts";
import { ordinalOf, podFor, replicasOf, startOrdinal } from "./pod-identity.ts";

export const STATEFUL_SETS = "apps/statefulsets";
export const PODS = "pods";

export interface Rollout {
	readonly set: StatefulSet;
	readonly view: View;
	readonly ctx: ReconcileContext;
	/** All pods of the set. */
	readonly pods: readonly Pod[];
	/** By place: the pod of ordinal start + i, if it is there. */
	readonly replicas: (Pod | undefined)[];
	/** Pods beyond the ordinals that are wanted, highest first. */
	readonly condemned: readonly Pod[];
	/** What the set was before the rollout under way. */
	readonly current: ControllerRevision;
	/** The present template's. */
	readonly update: ControllerRevision;
	readonly actions: Action[];
}

export const isOrdered = ({ set }: Rollout): boolean => set.spec?.podManagementPolicy !== "Parallel";
export const isRolling = (set: StatefulSet): boolean => set.spec?.updateStrategy?.type !== "OnDelete";
export const partitionOf = (set: StatefulSet): number => set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;

export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === "Running" && isReady(pod);
export const isRunningAndAvailable = (pod: Pod, { set, ctx }: Rollout): boolean =>
	isRunningAndReady(pod) && isAvailable(pod, set.spec?.minReadySeconds ?? 0, ctx.nowMs);
/** Serves: neither missing, nor on its way out, nor not yet available. */
export const isServing = (pod: Pod | undefined, rollout: Rollout): pod is Pod =>
	pod !== undefined && !isBeingDeleted(pod) && isRunningAndAvailable(pod, rollout);

export function arrange(set: StatefulSet, pods: readonly Pod[]): { replicas: (Pod | undefined)[]; condemned: Pod[] } {
	const start = startOrdinal(set);
	const replicas: (Pod | undefined)[] = Array.from({ length: replicasOf(set) }, () => undefined);
	const condemned: Pod[] = [];
	for (const pod of pods) {
		const place = ordinalOf(pod) - start;
		if (place >= 0 && place < replicas.length) replicas[place] = pod;
		else condemned.push(pod);
	}
	condemned.sort((a, b) => ordinalOf(b) - ordinalOf(a));
	return { replicas, condemned };
}

/** Below the partition, and while the set has not yet been rolled, a new pod is of the former revision. */
export function isCurrentWanted({ set, update }: Rollout, ordinal: number): boolean {
	if (!isRolling(set) || set.status?.currentRevision === nameOf(update)) return false;
	const rolling = set.spec?.updateStrategy?.rollingUpdate;
	return ordinal < startOrdinal(set) + (rolling === undefined ? (set.status?.currentReplicas ?? 0) : (rolling.partition ?? 0));
}

export function newPod(rollout: Rollout, ordinal: number): Pod {
	const revision = isCurrentWanted(rollout, ordinal) ? rollout.current : rollout.update;
	const template: PodTemplateSpec = revision === rollout.update ? (rollout.set.spec?.template ?? {}) : templateOf(revision);
	return podFor(rollout.set, ordinal, template, nameOf(revision));
}

export function deletePod({ set, actions }: Rollout, pod: Pod): void {
	actions.push({ type: "delete", resource: PODS, name: nameOf(pod), uid: pod.metadata.uid ?? "" });
	const message = `delete Pod ${nameOf(pod)} in StatefulSet ${nameOf(set)} successful`;
	actions.push({ type: "event", about: set, eventType: "Normal", reason: "SuccessfulDelete", message });
}
