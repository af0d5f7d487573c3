/** Rolls a Deployment's template out over its ReplicaSets (k8s.io/kubernetes/pkg/controller/deployment). */
import type { Deployment, Pod, ReplicaSet } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { claim } from "./claim.ts";
import { type Controller, controllerOf, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { notePause, progressCheckMs, syncCountsOnly, syncRolloutStatus } from "./deployment/deployment-status.ts";
import { syncNewReplicaSet } from "./deployment/new-replica-set.ts";
import { isScalingEvent, scaleOnly } from "./deployment/proportional-scaling.ts";
import { recreate } from "./deployment/recreate.ts";
import { isRollingUpdate } from "./deployment/replica-bounds.ts";
import { rollingUpdate } from "./deployment/rolling-update.ts";
import { beginRollout, DEPLOYMENTS, finish, REPLICA_SETS, type Rollout } from "./deployment/rollout.ts";
import { draftOf, isBeingDeleted, labelsOf, nameOf, uidOf } from "./identity.ts";
import { isFinished } from "./pod-state.ts";

export const deploymentController: Controller = {
	name: "deployment",
	watches: [
		{ resource: DEPLOYMENTS, keys: ({ object, old }) => [nameOf((object ?? old) as Deployment)] },
		{ resource: REPLICA_SETS, keys: deploymentsOfReplicaSet },
		{ resource: "pods", keys: deploymentsOfEndedPod },
	],
	hearsRefusals: true,
	reconcile,
};

function deploymentsOfReplicaSet({ old, object }: ObjectChange, view: View): string[] {
	const keys = new Set<string>();
	for (const version of [old, object]) {
		const owner = version && controllerOf(version);
		if (owner?.kind === "Deployment") keys.add(owner.name);
	}
	if (object !== undefined && controllerOf(object) === undefined) {
		for (const deployment of view.list<Deployment>(DEPLOYMENTS)) {
			if (labelSelectorOf(deployment.spec?.selector).matches(labelsOf(object))) keys.add(nameOf(deployment));
		}
	}
	return [...keys];
}

/** Recreate waits for the last old pod: only the end of a pod matters to a Deployment. */
function deploymentsOfEndedPod({ old, object }: ObjectChange, view: View): string[] {
	const ended = object === undefined || (isFinished(object as Pod) && !(old && isFinished(old as Pod)));
	const pod = object ?? old;
	const owner = ended && pod ? controllerOf(pod) : undefined;
	if (owner?.kind !== "ReplicaSet") return [];
	const rs = view.get<ReplicaSet>(REPLICA_SETS, owner.name);
	const deployment = rs && controllerOf(rs);
	return deployment?.kind === "Deployment" ? [deployment.name] : [];
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const deployment = view.get<Deployment>(DEPLOYMENTS, key);
	if (deployment?.spec === undefined) return NOTHING;
	if (selectsEverything(deployment)) return refuseEverything(deployment);
	const controlled = view.controlledBy<ReplicaSet>(REPLICA_SETS, uidOf(deployment));
	const orphans = view.list<ReplicaSet>(REPLICA_SETS, deployment.spec.selector.matchLabels).filter((rs) => controllerOf(rs) === undefined);
	const { owned, actions } = claim(deployment, labelSelectorOf(deployment.spec.selector), REPLICA_SETS, [...controlled, ...orphans]);
	// What was adopted or let go is written first; the change brings this key back with the new versions to decide on.
	if (actions.length > 0) return { actions };
	const rollout = beginRollout(deployment, owned, actions, view, ctx);
	roll(rollout);
	return { actions: finish(rollout), requeueAfterMs: isBeingDeleted(deployment) ? undefined : progressCheckMs(rollout) };
}

function roll(rollout: Rollout): void {
	const { deployment } = rollout;
	if (isBeingDeleted(deployment)) {
		syncNewReplicaSet(rollout, false);
		syncCountsOnly(rollout);
		return;
	}
	notePause(rollout);
	if (deployment.spec?.paused || isScalingEvent(rollout)) {
		scaleOnly(rollout);
		syncCountsOnly(rollout);
		return;
	}
	if (isRollingUpdate(deployment)) rollingUpdate(rollout);
	else recreate(rollout);
	syncRolloutStatus(rollout);
}

function selectsEverything({ spec }: Deployment): boolean {
	return Object.keys(spec?.selector.matchLabels ?? {}).length === 0 && (spec?.selector.matchExpressions ?? []).length === 0;
}

function refuseEverything(deployment: Deployment): ReconcileResult {
	const message = "This deployment is selecting all pods. A non-empty selector is required.";
	const generation = deployment.metadata.generation ?? 0;
	if ((deployment.status?.observedGeneration ?? 0) >= generation) return NOTHING;
	const draft = draftOf(deployment);
	draft.status = { ...draft.status, observedGeneration: generation };
	return {
		actions: [
			{ type: "event", about: deployment, eventType: "Warning", reason: "SelectingAll", message },
			{ type: "updateStatus", resource: DEPLOYMENTS, object: draft },
		],
	};
}
