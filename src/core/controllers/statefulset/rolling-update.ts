/** Replaces pods of former revisions from the highest ordinal down to the partition, at most maxUnavailable at a time (KEP-961). */
import { nameOf, isBeingDeleted } from "../identity.ts";
import { scaledValue } from "../deployment/replica-bounds.ts";
import type { StatefulSet } from "../../schema/kubernetes.d.ts";
import { replicasOf, revisionOf } from "./pod-identity.ts";
import { deletePod, isRolling, isServing, partitionOf, type Rollout } from "./rollout.ts";

/** At least 1, or no update would ever come. */
export function maxUnavailable(set: StatefulSet): number {
	return Math.max(1, scaledValue(set.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, replicasOf(set), false));
}

export function rollingUpdate(rollout: Rollout): void {
	const { set, replicas, update } = rollout;
	if (!isRolling(set)) return;
	let unavailable = replicas.filter((pod) => !isServing(pod, rollout)).length;
	for (let place = replicas.length - 1; place >= partitionOf(set); place--) {
		const pod = replicas[place];
		if (pod === undefined || isBeingDeleted(pod) || revisionOf(pod) === nameOf(update)) continue;
		// One that serves nobody is counted already: replacing it takes nothing away.
		const serving = isServing(pod, rollout);
		if (serving && unavailable >= maxUnavailable(set)) return;
		if (serving) unavailable += 1;
		deletePod(rollout, pod);
	}
}
