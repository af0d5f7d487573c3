/** Finds or makes the ReplicaSet of a Deployment's present template, and keeps revisions. */
import type { Deployment, PodTemplateSpec, ReplicaSet } from "../../schema/kubernetes.d.ts";
import { controllerReference, draftOf, nameOf, namespaceOf } from "../identity.ts";
import { conditionOf, hasProgressDeadline, newCondition, REASON, setCondition } from "./conditions.ts";
import { equalIgnoringHash, POD_TEMPLATE_HASH, podTemplateHash } from "./pod-template-hash.ts";
import { desiredReplicas, isRollingUpdate, maxSurge, replicasOf, totalReplicas } from "./replica-bounds.ts";
import { maxRevision, REVISION, setNewReplicaSetAnnotations, setReplicasAnnotations } from "./replica-set-annotations.ts";
import { allSets, REPLICA_SETS, type Rollout, scalingEvent } from "./rollout.ts";

/** Sets `newest` and `old`, the annotations of the newest and the Deployment's revision; creates the newest if asked. */
export function syncNewReplicaSet(rollout: Rollout, create: boolean): void {
	const { deployment, ctx } = rollout;
	// The oldest match wins, so that duplicates (made by older clusters) are always told apart in the same way.
	rollout.newest = rollout.replicaSets.find((rs) => equalIgnoringHash(rs.spec?.template, deployment.spec?.template));
	rollout.old = rollout.replicaSets.filter((rs) => rs !== rollout.newest);
	const revision = maxRevision(rollout.old) + 1;
	if (rollout.newest !== undefined) {
		setNewReplicaSetAnnotations(rollout.newest, deployment, revision);
		const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
		if (rollout.newest.spec && (rollout.newest.spec.minReadySeconds ?? 0) !== minReadySeconds) rollout.newest.spec.minReadySeconds = minReadySeconds;
		setDeploymentRevision(rollout, rollout.newest);
		if (hasProgressDeadline(deployment) && conditionOf(deployment.status, "Progressing") === undefined) {
			noteProgress(deployment, REASON.foundNewReplicaSet, `Found new replica set ${JSON.stringify(nameOf(rollout.newest))}`, ctx.nowMs);
		}
	} else if (create) {
		createNewReplicaSet(rollout, revision);
	}
}

function setDeploymentRevision({ deployment }: Rollout, newest: ReplicaSet): void {
	const revision = newest.metadata.annotations?.[REVISION];
	if (revision === undefined || deployment.metadata.annotations?.[REVISION] === revision) return;
	deployment.metadata.annotations = { ...deployment.metadata.annotations, [REVISION]: revision };
}

function noteProgress(deployment: Deployment, reason: string, message: string, nowMs: number, status: "True" | "False" = "True"): void {
	deployment.status ??= {};
	setCondition(deployment.status, newCondition("Progressing", status, reason, message, nowMs));
}

function createNewReplicaSet(rollout: Rollout, revision: number): void {
	const { deployment, view, ctx } = rollout;
	const template = deployment.spec?.template ?? {};
	const hash = podTemplateHash(template, deployment.status?.collisionCount);
	const name = `${nameOf(deployment)}-${hash}`;
	if (view.get(REPLICA_SETS, name) !== undefined) {
		// Another template, or another owner, has this name: the count salts the next hash.
		deployment.status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
		return;
	}
	if (ctx.refusal) return noteRefusal(rollout, name, ctx.refusal.message);
	const rs = replicaSetOf(deployment, template, name, hash);
	rollout.newest = rs;
	rs.spec = { ...(rs.spec ?? { selector: {} }), replicas: newReplicaCount(rollout, rs) };
	setNewReplicaSetAnnotations(rs, deployment, revision);
	setReplicasAnnotations(rs, deployment);
	rollout.actions.push({ type: "create", resource: REPLICA_SETS, object: rs });
	if (replicasOf(rs) > 0) scalingEvent(rollout, rs, 0, replicasOf(rs));
	setDeploymentRevision(rollout, rs);
	if (hasProgressDeadline(deployment)) noteProgress(deployment, REASON.newReplicaSet, `Created new replica set ${JSON.stringify(name)}`, ctx.nowMs);
}

function noteRefusal({ deployment, stored, actions, ctx }: Rollout, name: string, refusal: string): void {
	const message = `Failed to create new replica set ${JSON.stringify(name)}: ${refusal}`;
	if (hasProgressDeadline(deployment)) noteProgress(deployment, REASON.failedReplicaSetCreate, message, ctx.nowMs, "False");
	actions.push({ type: "event", about: stored, eventType: "Warning", reason: REASON.failedReplicaSetCreate, message });
}

function replicaSetOf(deployment: Deployment, template: PodTemplateSpec, name: string, hash: string): ReplicaSet {
	const draft = draftOf(template);
	const labels = { ...draft.metadata?.labels, [POD_TEMPLATE_HASH]: hash };
	const selector = draftOf(deployment.spec?.selector ?? {});
	return {
		apiVersion: "apps/v1",
		kind: "ReplicaSet",
		metadata: { name, namespace: namespaceOf(deployment), labels: { ...labels }, ownerReferences: [controllerReference(deployment)] },
		spec: {
			replicas: 0,
			...(deployment.spec?.minReadySeconds ? { minReadySeconds: deployment.spec.minReadySeconds } : {}),
			selector: { ...selector, matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash } },
			template: { ...draft, metadata: { ...draft.metadata, labels } },
		},
	};
}

/** How large the newest ReplicaSet may be now, given what the others still hold (NewRSNewReplicas). */
export function newReplicaCount(rollout: Rollout, newest: ReplicaSet): number {
	const desired = desiredReplicas(rollout.deployment);
	if (!isRollingUpdate(rollout.deployment)) return desired;
	const room = desired + maxSurge(rollout.deployment) - totalReplicas(allSets(rollout));
	if (room <= 0) return replicasOf(newest);
	return replicasOf(newest) + Math.min(room, desired - replicasOf(newest));
}
