/** Keeps as many pods as a ReplicaSet asks for (k8s.io/kubernetes/pkg/controller/replicaset). */
import { labelSelectorOf } from "../selector/label-selector.ts";
import type { Pod, ReplicaSet, ReplicaSetStatus } from "../schema/kubernetes.d.ts";
import { claim } from "./claim.ts";
import {
	type Action,
	type Controller,
	controllerOf,
	NOTHING,
	type ObjectChange,
	type ReconcileContext,
	type ReconcileResult,
	type View,
} from "./controller.ts";
import { controllerReference, draftOf, isBeingDeleted, labelsOf, nameOf, uidOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { deletionOrder } from "./pod-deletion-order.ts";
import { availableInMs, isActive, isAvailable, isReady, isTerminating } from "./pod-state.ts";

const REPLICA_SETS = "apps/replicasets";
const PODS = "pods";
/** Most pods created or deleted in one reconcile (BurstReplicas). */
export const BURST_REPLICAS = 500;
/** rand.String's length in generated names. */
const SUFFIX_LENGTH = 5;
/** Longest stem of a generated name (names.maxGeneratedNameLength). */
const STEM_LENGTH_MAX = 58;

export const replicaSetController: Controller = {
	name: "replicaset",
	watches: [
		{ resource: REPLICA_SETS, keys: ({ object, old }) => [nameOf((object ?? old) as ReplicaSet)] },
		{ resource: PODS, keys: replicaSetsOfPod },
	],
	reconcile,
};

/** The ReplicaSets that a changed pod is or was counted in, or that may adopt it. */
function replicaSetsOfPod({ old, object }: ObjectChange, view: View): string[] {
	const keys = new Set<string>();
	for (const version of [old, object]) {
		const owner = version && controllerOf(version);
		if (owner?.kind === "ReplicaSet") keys.add(owner.name);
	}
	if (object !== undefined && controllerOf(object) === undefined && !isBeingDeleted(object)) {
		for (const rs of view.list<ReplicaSet>(REPLICA_SETS)) {
			if (labelSelectorOf(rs.spec?.selector).matches(labelsOf(object))) keys.add(nameOf(rs));
		}
	}
	return [...keys];
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const rs = view.get<ReplicaSet>(REPLICA_SETS, key);
	if (rs?.spec === undefined) return NOTHING;
	const controlled = view.controlledBy<Pod>(PODS, uidOf(rs));
	const { owned, actions } = claim(rs, labelSelectorOf(rs.spec.selector), PODS, [...controlled, ...orphans(rs, view)].filter(isActive));
	if (!isBeingDeleted(rs)) actions.push(...manageReplicas(rs, owned, view, ctx));

	const status = statusOf(rs, owned, controlled.filter(isTerminating).length, ctx.nowMs);
	if (!semanticEqual(status, rs.status)) {
		const draft = draftOf(rs);
		draft.status = status;
		actions.push({ type: "updateStatus", resource: REPLICA_SETS, object: draft });
	}
	return { actions, requeueAfterMs: nextAvailabilityMs(rs, owned, ctx.nowMs) };
}

function orphans(rs: ReplicaSet, view: View): Pod[] {
	return view.list<Pod>(PODS, rs.spec?.selector.matchLabels).filter((pod) => controllerOf(pod) === undefined);
}

function manageReplicas(rs: ReplicaSet, pods: readonly Pod[], view: View, ctx: ReconcileContext): Action[] {
	const surplus = pods.length - (rs.spec?.replicas ?? 1);
	return surplus < 0 ? createPods(rs, Math.min(-surplus, BURST_REPLICAS), view, ctx) : deletePods(rs, pods, Math.min(surplus, BURST_REPLICAS), view, ctx);
}

function createPods(rs: ReplicaSet, count: number, view: View, ctx: ReconcileContext): Action[] {
	const actions: Action[] = [];
	const taken = new Set<string>();
	while (taken.size < count) {
		const name = nameOf(rs).concat("-").slice(0, STEM_LENGTH_MAX) + ctx.suffix(SUFFIX_LENGTH);
		if (taken.has(name) || view.get(PODS, name) !== undefined) continue;
		taken.add(name);
		actions.push({ type: "create", resource: PODS, object: podFromTemplate(rs, name, ctx.namespace) });
		actions.push({ type: "event", about: rs, eventType: "Normal", reason: "SuccessfulCreate", message: `Created pod: ${name}` });
	}
	return actions;
}

function podFromTemplate(rs: ReplicaSet, name: string, namespace: string): Pod {
	const { metadata, spec } = draftOf(rs.spec?.template) ?? {};
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name,
			generateName: `${nameOf(rs)}-`,
			namespace,
			...(metadata?.labels ? { labels: metadata.labels } : {}),
			...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
			...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
			ownerReferences: [controllerReference(rs)],
		},
		...(spec ? { spec } : {}),
	};
}

function deletePods(rs: ReplicaSet, pods: readonly Pod[], count: number, view: View, ctx: ReconcileContext): Action[] {
	if (count === 0) return [];
	const victims = deletionOrder(pods, relatedPods(rs, pods, view), ctx.nowMs).slice(0, count);
	return victims.flatMap((pod): Action[] => [
		{ type: "delete", resource: PODS, name: nameOf(pod), uid: uidOf(pod) },
		{ type: "event", about: rs, eventType: "Normal", reason: "SuccessfulDelete", message: `Deleted pod: ${nameOf(pod)}` },
	]);
}

/** The active pods of all ReplicaSets that share this one's owner: pods that are doubled up on a node with them go first. */
function relatedPods(rs: ReplicaSet, pods: readonly Pod[], view: View): readonly Pod[] {
	const owner = controllerOf(rs);
	if (owner === undefined) return pods;
	return view.controlledBy<ReplicaSet>(REPLICA_SETS, owner.uid).flatMap((sibling) => view.controlledBy<Pod>(PODS, uidOf(sibling)).filter(isActive));
}

function statusOf(rs: ReplicaSet, pods: readonly Pod[], terminating: number, nowMs: number): ReplicaSetStatus {
	const templateLabels = Object.entries(rs.spec?.template?.metadata?.labels ?? {});
	const counts = {
		fullyLabeledReplicas: pods.filter((pod) => templateLabels.every(([key, value]) => labelsOf(pod)[key] === value)).length,
		readyReplicas: pods.filter(isReady).length,
		availableReplicas: pods.filter((pod) => isAvailable(pod, rs.spec?.minReadySeconds ?? 0, nowMs)).length,
	};
	return {
		replicas: pods.length,
		...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
		terminatingReplicas: terminating,
		...(rs.metadata.generation === undefined ? {} : { observedGeneration: rs.metadata.generation }),
		...(rs.status?.conditions ? { conditions: rs.status.conditions } : {}),
	};
}

/** When the next ready pod becomes available by time alone. */
function nextAvailabilityMs(rs: ReplicaSet, pods: readonly Pod[], nowMs: number): number | undefined {
	const waits = pods.map((pod) => availableInMs(pod, rs.spec?.minReadySeconds ?? 0, nowMs)).filter((ms) => ms !== undefined && ms > 0);
	return waits.length === 0 ? undefined : Math.min(...(waits as number[]));
}
