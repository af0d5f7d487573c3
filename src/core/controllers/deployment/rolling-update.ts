/** The RollingUpdate strategy: one step up or down at a time, never below the minimum that must be available. */
import type { ReplicaSet } from "../../schema/kubernetes.d.ts";
import { cleanUpHistory } from "./history-cleanup.ts";
import { newReplicaCount, syncNewReplicaSet } from "./new-replica-set.ts";
import { availableReplicas, desiredReplicas, maxUnavailable, replicasOf, totalReplicas, withReplicas } from "./replica-bounds.ts";
import { allSets, type Rollout, scaleReplicaSet } from "./rollout.ts";

export function rollingUpdate(rollout: Rollout): void {
	syncNewReplicaSet(rollout, true);
	if (rollout.newest === undefined) return;
	if (scaleNewest(rollout, rollout.newest)) return;
	if (scaleOldDown(rollout, rollout.newest)) return;
	cleanUpHistory(rollout);
}

function scaleNewest(rollout: Rollout, newest: ReplicaSet): boolean {
	const desired = desiredReplicas(rollout.deployment);
	const replicas = replicasOf(newest);
	if (replicas === desired) return false;
	return scaleReplicaSet(rollout, newest, replicas > desired ? desired : newReplicaCount(rollout, newest));
}

function scaleOldDown(rollout: Rollout, newest: ReplicaSet): boolean {
	const old = withReplicas(rollout.old);
	if (old.length === 0) return false;
	const minAvailable = desiredReplicas(rollout.deployment) - maxUnavailable(rollout.deployment);
	const newestUnavailable = replicasOf(newest) - (newest.status?.availableReplicas ?? 0);
	const mayGo = totalReplicas(allSets(rollout)) - minAvailable - newestUnavailable;
	if (mayGo <= 0) return false;
	const cleaned = cleanUpUnhealthy(rollout, old, mayGo);
	const scaled = scaleDownHealthy(rollout, old, minAvailable);
	return cleaned + scaled > 0;
}

/** Pods that are not available go first: taking them away makes nothing worse, and they would block the rollout. */
function cleanUpUnhealthy(rollout: Rollout, old: readonly ReplicaSet[], mayGo: number): number {
	let gone = 0;
	for (const rs of old) {
		const unhealthy = replicasOf(rs) - (rs.status?.availableReplicas ?? 0);
		const count = Math.min(mayGo - gone, unhealthy);
		if (count <= 0) continue;
		scaleReplicaSet(rollout, rs, replicasOf(rs) - count);
		gone += count;
	}
	return gone;
}

function scaleDownHealthy(rollout: Rollout, old: readonly ReplicaSet[], minAvailable: number): number {
	const mayGo = availableReplicas(allSets(rollout)) - minAvailable;
	let gone = 0;
	for (const rs of old) {
		const count = Math.min(replicasOf(rs), mayGo - gone);
		if (count <= 0) continue;
		scaleReplicaSet(rollout, rs, replicasOf(rs) - count);
		gone += count;
	}
	return gone;
}
