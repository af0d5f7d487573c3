/** Makes the pods that are missing and takes away those too many, one after another or all at once. */
import type { Pod } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted, nameOf } from "../identity.ts";
import { isFinished } from "../pod-state.ts";
import { identityMatches, ordinalOf, podNameOf, revisionOf, startOrdinal, withIdentity } from "./pod-identity.ts";
import {
	deletePod,
	isCurrentWanted,
	isOrdered,
	isRolling,
	isRunningAndAvailable,
	isRunningAndReady,
	newPod,
	PODS,
	partitionOf,
	type Rollout,
} from "./rollout.ts";
import { alignRetention, createMissingClaims, hasStaleClaim } from "./volume-claims.ts";

/** True when the rollout must wait for what was begun here. */
export function keepReplicas(rollout: Rollout): boolean {
	let waits = false;
	for (const [place, pod] of rollout.replicas.entries()) {
		waits = keepReplica(rollout, place + startOrdinal(rollout.set), pod) || waits;
		if (waits && isOrdered(rollout)) return true;
	}
	return waits;
}

function keepReplica(rollout: Rollout, ordinal: number, pod: Pod | undefined): boolean {
	const { set, view, actions } = rollout;
	if (pod === undefined) return createPod(rollout, ordinal);
	if (isFinished(pod)) {
		if (!isBeingDeleted(pod)) replaceFinished(rollout, pod);
		return true;
	}
	if (pod.status?.phase === "Pending" && !isBeingDeleted(pod)) actions.push(...createMissingClaims(set, ordinal, nameOf(pod), view));
	if (isOrdered(rollout) && isBeingDeleted(pod)) return true;
	if (isOrdered(rollout) && !isRunningAndAvailable(pod, rollout)) {
		if (!isRunningAndReady(pod)) replaceBroken(rollout, pod, ordinal);
		return true;
	}
	if (!isBeingDeleted(pod)) {
		if (!identityMatches(pod)) actions.push({ type: "update", resource: PODS, object: withIdentity(pod) });
		actions.push(...alignRetention(set, pod, ordinal, false, view));
	}
	return false;
}

/** True when nothing after it may be begun. */
function createPod(rollout: Rollout, ordinal: number): boolean {
	const { set, view, actions } = rollout;
	const name = podNameOf(set, ordinal);
	if (view.get(PODS, name) !== undefined) {
		const message = `create Pod ${name} in StatefulSet ${nameOf(set)} failed error: pods ${JSON.stringify(name)} already exists`;
		actions.push({ type: "event", about: set, eventType: "Warning", reason: "FailedCreate", message });
		return true;
	}
	if (hasStaleClaim(set, ordinal, view)) return true;
	actions.push(...createMissingClaims(set, ordinal, name, view), { type: "create", resource: PODS, object: newPod(rollout, ordinal) });
	actions.push({
		type: "event",
		about: set,
		eventType: "Normal",
		reason: "SuccessfulCreate",
		message: `create Pod ${name} in StatefulSet ${nameOf(set)} successful`,
	});
	return isOrdered(rollout);
}

function replaceFinished(rollout: Rollout, pod: Pod): void {
	const { set, actions } = rollout;
	const [reason, state] = pod.status?.phase === "Failed" ? ["RecreatingFailedPod", "failed"] : ["RecreatingTerminatedPod", "terminated"];
	const message = `StatefulSet ${set.metadata.namespace}/${nameOf(set)} is recreating ${state} Pod ${nameOf(pod)}`;
	actions.push({ type: "event", about: set, eventType: "Warning", reason, message });
	deletePod(rollout, pod);
}

/**
 * A pod that never became ready would hold up an ordered set for ever, even after its template was put right: one of
 * another revision than it should be serves nobody and is replaced.
 */
function replaceBroken(rollout: Rollout, pod: Pod, ordinal: number): void {
	const { set, update, current } = rollout;
	if (!isRolling(set) || rollout.pods.some(isBeingDeleted)) return;
	const belowPartition = ordinal < startOrdinal(set) + partitionOf(set);
	const wanted = belowPartition && isCurrentWanted(rollout, ordinal) ? nameOf(current) : nameOf(update);
	if (revisionOf(pod) !== wanted && !(belowPartition && revisionOf(pod) === nameOf(current))) deletePod(rollout, pod);
}

/** Takes away the highest ordinals first. True when the rollout must wait. */
export function dropCondemned(rollout: Rollout): boolean {
	const { set, view, actions, condemned } = rollout;
	for (const pod of condemned) actions.push(...alignRetention(set, pod, ordinalOf(pod), true, view));
	const ordered = isOrdered(rollout);
	const firstUnhealthy = lowestUnhealthy(rollout);
	for (const pod of condemned) {
		if (isBeingDeleted(pod)) {
			if (ordered) return true;
			continue;
		}
		if (ordered && !isRunningAndAvailable(pod, rollout) && pod !== firstUnhealthy) return true;
		deletePod(rollout, pod);
		if (ordered) return true;
	}
	return false;
}

/** The unhealthy pod of the lowest ordinal: the one that others wait for may itself be taken away. */
function lowestUnhealthy(rollout: Rollout): Pod | undefined {
	const unhealthy = rollout.pods.filter((pod) => isBeingDeleted(pod) || !isRunningAndReady(pod));
	return unhealthy.sort((a, b) => ordinalOf(a) - ordinalOf(b))[0];
}
