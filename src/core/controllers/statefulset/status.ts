/** What a StatefulSet's status says. */
import type { Pod, StatefulSetStatus } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted, nameOf } from "../identity.ts";
import { replicasOf, revisionOf } from "./pod-identity.ts";
import { isRolling, isRunningAndAvailable, isRunningAndReady, type Rollout } from "./rollout.ts";

export function statusOf(rollout: Rollout, collisionCount: number): StatefulSetStatus {
	const { set, pods, current, update } = rollout;
	const created = pods.filter((pod) => pod.status?.phase !== undefined);
	const count = (test: (pod: Pod) => boolean): number => created.filter(test).length;
	const status = {
		observedGeneration: set.metadata.generation ?? 0,
		replicas: created.length,
		readyReplicas: count(isRunningAndReady),
		availableReplicas: count((pod) => isRunningAndAvailable(pod, rollout)),
		currentReplicas: count((pod) => !isBeingDeleted(pod) && revisionOf(pod) === nameOf(current)),
		updatedReplicas: count((pod) => !isBeingDeleted(pod) && revisionOf(pod) === nameOf(update)),
		currentRevision: nameOf(current),
		updateRevision: nameOf(update),
		collisionCount,
	};
	const wanted = replicasOf(set);
	const done = isRolling(set) && status.updatedReplicas === wanted && status.readyReplicas === wanted && status.replicas === wanted;
	if (done) Object.assign(status, { currentReplicas: status.updatedReplicas, currentRevision: status.updateRevision });
	return { ...withoutZeros(status), ...(set.status?.conditions ? { conditions: set.status.conditions } : {}) };
}

/** Counts of 0 are left out where the API leaves them out. */
function withoutZeros(status: StatefulSetStatus): StatefulSetStatus {
	const optional = ["readyReplicas", "currentReplicas", "updatedReplicas"];
	return Object.fromEntries(Object.entries(status).filter(([field, value]) => value !== 0 || !optional.includes(field))) as unknown as StatefulSetStatus;
}
