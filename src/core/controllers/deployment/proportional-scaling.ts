/** A Deployment that is scaled, or paused: its ReplicaSets keep their shares of it. */
import type { ReplicaSet } from "../../schema/kubernetes.d.ts";
import { cleanUpHistory } from "./history-cleanup.ts";
import { syncNewReplicaSet } from "./new-replica-set.ts";
import { desiredReplicas, isRollingUpdate, maxSurge, replicasOf, totalReplicas, withReplicas } from "./replica-bounds.ts";
import { countAnnotation, DESIRED_REPLICAS, MAX_REPLICAS } from "./replica-set-annotations.ts";
import { allSets, byAge, type Rollout, scaleReplicaSet } from "./rollout.ts";

/** Whether the Deployment's size changed since its ReplicaSets were scaled last. */
export function isScalingEvent(rollout: Rollout): boolean {
	const desired = desiredReplicas(rollout.deployment);
	return withReplicas(rollout.replicaSets).some((rs) => (countAnnotation(rs, DESIRED_REPLICAS) ?? desired) !== desired);
}

export function scaleOnly(rollout: Rollout): void {
	syncNewReplicaSet(rollout, false);
	scale(rollout);
	if (rollout.deployment.spec?.paused) cleanUpHistory(rollout);
}

function scale(rollout: Rollout): void {
	const { deployment, newest, old } = rollout;
	const desired = desiredReplicas(deployment);
	const single = activeOrLatest(rollout);
	if (single !== undefined) {
		scaleReplicaSet(rollout, single, desired);
	} else if (isSaturated(newest, desired)) {
		for (const rs of withReplicas(old)) scaleReplicaSet(rollout, rs, 0);
	} else if (isRollingUpdate(deployment)) {
		scaleProportionally(rollout);
	}
}

/** The one ReplicaSet with pods, or the latest when none has any; undefined when several have. */
function activeOrLatest(rollout: Rollout): ReplicaSet | undefined {
	const active = withReplicas(allSets(rollout));
	if (active.length > 1) return undefined;
	return active[0] ?? rollout.newest ?? rollout.old.at(-1);
}

function isSaturated(newest: ReplicaSet | undefined, desired: number): boolean {
	if (newest === undefined || countAnnotation(newest, DESIRED_REPLICAS) !== desired) return false;
	return replicasOf(newest) === desired && (newest.status?.availableReplicas ?? 0) === desired;
}

function scaleProportionally(rollout: Rollout): void {
	const desired = desiredReplicas(rollout.deployment);
	const active = withReplicas(allSets(rollout));
	const toAdd = (desired > 0 ? desired + maxSurge(rollout.deployment) : 0) - totalReplicas(active);
	// What rounding leaves goes to, or comes from, the largest; among equals new ones grow and old ones shrink.
	active.sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
	let added = 0;
	const sizes = active.map((rs) => {
		const share = proportion(rollout, rs, toAdd, added);
		added += share;
		return replicasOf(rs) + share;
	});
	active.forEach((rs, i) => {
		const leftover = i === 0 ? toAdd - added : 0;
		scaleReplicaSet(rollout, rs, Math.max(0, (sizes[i] ?? 0) + leftover));
	});
}

/** How many of `toAdd` (negative: to take away) are this set's, `added` being taken already. */
function proportion(rollout: Rollout, rs: ReplicaSet, toAdd: number, added: number): number {
	if (toAdd === 0 || toAdd === added) return 0;
	const allowed = toAdd - added;
	const share = fraction(rollout, rs);
	return toAdd > 0 ? Math.min(share, allowed) : Math.max(share, allowed);
}

function fraction({ deployment }: Rollout, rs: ReplicaSet): number {
	const desired = desiredReplicas(deployment);
	if (desired === 0) return -replicasOf(rs);
	const before = countAnnotation(rs, MAX_REPLICAS) || deployment.status?.replicas || replicasOf(rs);
	return Math.round((replicasOf(rs) * (desired + maxSurge(deployment))) / before) - replicasOf(rs);
}
