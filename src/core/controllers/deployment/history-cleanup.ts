/** Drops ReplicaSets beyond revisionHistoryLimit that hold no pods. */
import type { ReplicaSet } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted, nameOf, uidOf } from "../identity.ts";
import { replicasOf } from "./replica-bounds.ts";
import { revisionOf } from "./replica-set-annotations.ts";
import { byAge, REPLICA_SETS, type Rollout } from "./rollout.ts";

/** revisionHistoryLimit that means "all" (math.MaxInt32). */
const KEEP_ALL = 2_147_483_647;

export function cleanUpHistory(rollout: Rollout): void {
	const limit = rollout.deployment.spec?.revisionHistoryLimit ?? KEEP_ALL;
	const old = rollout.old.filter((rs) => !isBeingDeleted(rs));
	if (limit === KEEP_ALL || old.length <= limit) return;
	old.sort((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b));
	for (const rs of old.slice(0, old.length - limit).filter(isIdle)) {
		rollout.actions.push({ type: "delete", resource: REPLICA_SETS, name: nameOf(rs), uid: uidOf(rs) });
	}
}

/** No pods, none wanted, and its controller has seen so. */
function isIdle(rs: ReplicaSet): boolean {
	return (rs.status?.replicas ?? 0) === 0 && replicasOf(rs) === 0 && (rs.metadata.generation ?? 0) <= (rs.status?.observedGeneration ?? 0);
}
