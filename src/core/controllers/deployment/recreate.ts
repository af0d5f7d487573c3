/** The Recreate strategy: all old pods are gone before the first new one starts. */
import type { Pod } from "../../schema/kubernetes.d.ts";
import { uidOf } from "../identity.ts";
import { isFinished } from "../pod-state.ts";
import { isComplete } from "./deployment-status.ts";
import { cleanUpHistory } from "./history-cleanup.ts";
import { syncNewReplicaSet } from "./new-replica-set.ts";
import { actualReplicas, desiredReplicas, withReplicas } from "./replica-bounds.ts";
import { type Rollout, scaleReplicaSet } from "./rollout.ts";

export function recreate(rollout: Rollout): void {
	syncNewReplicaSet(rollout, false);
	const active = withReplicas(rollout.old);
	for (const rs of active) scaleReplicaSet(rollout, rs, 0);
	if (active.length > 0 || oldPodsRun(rollout)) return;
	if (rollout.newest === undefined) syncNewReplicaSet(rollout, true);
	if (rollout.newest === undefined) return;
	scaleReplicaSet(rollout, rollout.newest, desiredReplicas(rollout.deployment));
	if (isComplete(rollout.deployment, rollout.deployment.status ?? {})) cleanUpHistory(rollout);
}

/** Pods that are being deleted still run. */
function oldPodsRun({ old, view }: Rollout): boolean {
	return actualReplicas(old) > 0 || old.some((rs) => view.controlledBy<Pod>("pods", uidOf(rs)).some((pod) => !isFinished(pod)));
}
