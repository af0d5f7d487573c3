/**
 * One reconcile of one Deployment in progress: drafts of the Deployment and its ReplicaSets that the steps change, and
 * what is to be done besides. `finish` turns the drafts into at most one write for each object.
 */
import type { Deployment, ReplicaSet } from "../../schema/kubernetes.d.ts";
import type { Action, ReconcileContext, View } from "../controller.ts";
import { draftOf, nameOf, uidOf } from "../identity.ts";
import { semanticEqual } from "../../meta/equality.ts";
import { replicasOf } from "./replica-bounds.ts";
import { setReplicasAnnotations } from "./replica-set-annotations.ts";

export const DEPLOYMENTS = "apps/deployments";
export const REPLICA_SETS = "apps/replicasets";

export interface Rollout {
	readonly view: View;
	readonly ctx: ReconcileContext;
	/** As read. */
	readonly stored: Deployment;
	/** What this reconcile makes of it: status and annotations may change. */
	readonly deployment: Deployment;
	/** Drafts of all ReplicaSets it controls, without one that this reconcile creates. */
	readonly replicaSets: readonly ReplicaSet[];
	/** What `replicaSets` were as read, by uid. */
	readonly storedSets: ReadonlyMap<string, ReplicaSet>;
	/** The ReplicaSet whose template is the Deployment's. */
	newest: ReplicaSet | undefined;
	/** All others, oldest first. */
	old: ReplicaSet[];
	actions: Action[];
}

export function beginRollout(deployment: Deployment, owned: readonly ReplicaSet[], actions: Action[], view: View, ctx: ReconcileContext): Rollout {
	const replicaSets = owned.map(draftOf).sort(byAge);
	const storedSets = new Map(owned.map((rs) => [uidOf(rs), rs]));
	return { view, ctx, stored: deployment, deployment: draftOf(deployment), replicaSets, storedSets, newest: undefined, old: replicaSets, actions };
}

/** Oldest first, then by name. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
	const x = a.metadata.creationTimestamp ?? "";
	const y = b.metadata.creationTimestamp ?? "";
	if (x === y) return nameOf(a) < nameOf(b) ? -1 : 1;
	return x < y ? -1 : 1;
}

/** The old ones and the newest. */
export const allSets = (rollout: Rollout): ReplicaSet[] => (rollout.newest ? [...rollout.old, rollout.newest] : [...rollout.old]);

/** Sets the size of `rs`, with the note for what size of the Deployment, and tells so in an event. True when its size changed. */
export function scaleReplicaSet(rollout: Rollout, rs: ReplicaSet, replicas: number): boolean {
	const from = replicasOf(rs);
	setReplicasAnnotations(rs, rollout.deployment);
	if (from === replicas) return false;
	rs.spec = { ...(rs.spec ?? { selector: {} }), replicas };
	scalingEvent(rollout, rs, from, replicas);
	return true;
}

export function scalingEvent(rollout: Rollout, rs: ReplicaSet, from: number, to: number): void {
	const message = `Scaled ${from < to ? "up" : "down"} replica set ${nameOf(rs)} from ${from} to ${to}`;
	rollout.actions.push({ type: "event", about: rollout.stored, eventType: "Normal", reason: "ScalingReplicaSet", message });
}

/** The writes that make the store what the drafts are. */
export function finish(rollout: Rollout): Action[] {
	const actions = [...rollout.actions];
	for (const rs of rollout.replicaSets) {
		if (!semanticEqual(rs, rollout.storedSets.get(uidOf(rs)))) actions.push({ type: "update", resource: REPLICA_SETS, object: rs });
	}
	if (!semanticEqual(rollout.deployment, rollout.stored)) actions.push({ type: "updateStatus", resource: DEPLOYMENTS, object: rollout.deployment });
	return actions;
}
