/**
 * Keeps as many pods as a ReplicaSet or a ReplicationController asks for (k8s.io/kubernetes/pkg/controller/replicaset, which
 * upstream too runs for both).
 */
import type { LabelSelector } from "../selector/label-selector.ts";
import type { Pod, PodTemplateSpec, ReplicaSetCondition, ReplicaSetStatus } from "../schema/kubernetes.d.ts";
import type { KubeObject } from "../meta/object.ts";
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
import { heedRefusal } from "./refused-creation.ts";
import { deletionOrder } from "./pod-deletion-order.ts";
import { metaTime } from "./meta-time.ts";
import { availableInMs, isActive, isAvailable, isReady, isTerminating } from "./pod-state.ts";

const PODS = "pods";
const REPLICA_FAILURE = "ReplicaFailure";
/** Most pods created or deleted in one reconcile (BurstReplicas). */
export const BURST_REPLICAS = 500;
/** rand.String's length in generated names. */
const SUFFIX_LENGTH = 5;
/** Longest stem of a generated name (names.maxGeneratedNameLength). */
const STEM_LENGTH_MAX = 58;

/** What both kinds have in common. */
export interface ReplicaOwner extends KubeObject {
	spec?: { replicas?: number; minReadySeconds?: number; template?: PodTemplateSpec };
	status?: { conditions?: ReplicaSetCondition[] };
}

export interface ReplicaKind<T extends ReplicaOwner> {
	/** The controller's. */
	name: string;
	kind: string;
	resource: string;
	selector(owner: T): LabelSelector;
	/** Labels that every pod of the selector has. */
	matchLabels(owner: T): Record<string, string> | undefined;
	/** Whether the status counts the pods on their way out. */
	countsTerminating: boolean;
}

export function replicaController<T extends ReplicaOwner>(replicaKind: ReplicaKind<T>): Controller {
	return {
		name: replicaKind.name,
		watches: [
			{ resource: replicaKind.resource, keys: ({ object, old }) => [nameOf((object ?? old) as T)] },
			{ resource: PODS, keys: (change, view) => ownersOfPod(change, view, replicaKind) },
		],
		hearsRefusals: true,
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, replicaKind),
	};
}

/** The owners that a changed pod is or was counted in, or that may adopt it. */
function ownersOfPod<T extends ReplicaOwner>({ old, object }: ObjectChange, view: View, { kind, resource, selector }: ReplicaKind<T>): string[] {
	const keys = new Set<string>();
	for (const version of [old, object]) {
		const owner = version && controllerOf(version);
		if (owner?.kind === kind) keys.add(owner.name);
	}
	if (object !== undefined && controllerOf(object) === undefined && !isBeingDeleted(object)) {
		for (const owner of view.list<T>(resource)) if (selector(owner).matches(labelsOf(object))) keys.add(nameOf(owner));
	}
	return [...keys];
}

function reconcile<T extends ReplicaOwner>(key: string, view: View, ctx: ReconcileContext, replicaKind: ReplicaKind<T>): ReconcileResult {
	const rs = view.get<T>(replicaKind.resource, key);
	if (rs?.spec === undefined) return NOTHING;
	const controlled = view.controlledBy<Pod>(PODS, uidOf(rs));
	const { owned, actions } = claim(rs, replicaKind.selector(rs), PODS, [...controlled, ...orphans(rs, view, replicaKind)].filter(isActive));
	if (!isBeingDeleted(rs)) actions.push(...manageReplicas(rs, owned, view, ctx, replicaKind.resource));

	const terminating = replicaKind.countsTerminating ? controlled.filter(isTerminating).length : undefined;
	const conditions = conditionsOf(rs, owned.length, ctx);
	const status = { ...statusOf(rs, owned, terminating, ctx.nowMs), ...(conditions.length > 0 ? { conditions } : {}) };
	if (!semanticEqual(status, rs.status)) {
		actions.push({ type: "updateStatus", resource: replicaKind.resource, object: { ...draftOf(rs), status } });
	}
	return { actions: heedRefusal(actions, ctx.refusal, rs).actions, requeueAfterMs: nextAvailabilityMs(rs, owned, ctx.nowMs) };
}

/** ReplicaFailure is there while pods cannot be made: with the words of the first failure. */
function conditionsOf(rs: ReplicaOwner, active: number, { refusal, nowMs }: ReconcileContext): ReplicaSetCondition[] {
	const conditions = rs.status?.conditions ?? [];
	const failed = conditions.some(({ type }) => type === REPLICA_FAILURE);
	if (refusal !== undefined && !failed)
		return [...conditions, { type: REPLICA_FAILURE, status: "True", reason: "FailedCreate", message: refusal.message, lastTransitionTime: metaTime(nowMs) }];
	// One being deleted makes no pods: nothing has been tried that could have gone well.
	const untried = isBeingDeleted(rs) && active < (rs.spec?.replicas ?? 1);
	return refusal !== undefined || untried ? conditions : conditions.filter(({ type }) => type !== REPLICA_FAILURE);
}

function orphans<T extends ReplicaOwner>(rs: T, view: View, { matchLabels }: ReplicaKind<T>): Pod[] {
	return view.list<Pod>(PODS, matchLabels(rs)).filter((pod) => controllerOf(pod) === undefined);
}

function manageReplicas(rs: ReplicaOwner, pods: readonly Pod[], view: View, ctx: ReconcileContext, resource: string): Action[] {
	const surplus = pods.length - (rs.spec?.replicas ?? 1);
	return surplus < 0
		? createPods(rs, Math.min(-surplus, BURST_REPLICAS), view, ctx)
		: deletePods(rs, pods, Math.min(surplus, BURST_REPLICAS), view, ctx, resource);
}

function createPods(rs: ReplicaOwner, count: number, view: View, ctx: ReconcileContext): Action[] {
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

function podFromTemplate(rs: ReplicaOwner, name: string, namespace: string): Pod {
	const { metadata, spec } = rs.spec?.template ?? {};
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

function deletePods(rs: ReplicaOwner, pods: readonly Pod[], count: number, view: View, ctx: ReconcileContext, resource: string): Action[] {
	if (count === 0) return [];
	const victims = deletionOrder(pods, relatedPods(rs, pods, view, resource), ctx.nowMs).slice(0, count);
	return victims.flatMap((pod): Action[] => [
		{ type: "delete", resource: PODS, name: nameOf(pod), uid: uidOf(pod) },
		{ type: "event", about: rs, eventType: "Normal", reason: "SuccessfulDelete", message: `Deleted pod: ${nameOf(pod)}` },
	]);
}

/** The active pods of all objects of the kind that share this one's owner: pods that are doubled up on a node with them go first. */
function relatedPods(rs: ReplicaOwner, pods: readonly Pod[], view: View, resource: string): readonly Pod[] {
	const owner = controllerOf(rs);
	if (owner === undefined) return pods;
	return view.controlledBy(resource, owner.uid).flatMap((sibling) => view.controlledBy<Pod>(PODS, uidOf(sibling)).filter(isActive));
}

function statusOf(rs: ReplicaOwner, pods: readonly Pod[], terminating: number | undefined, nowMs: number): ReplicaSetStatus {
	const templateLabels = Object.entries(rs.spec?.template?.metadata?.labels ?? {});
	const counts = {
		fullyLabeledReplicas: pods.filter((pod) => templateLabels.every(([key, value]) => labelsOf(pod)[key] === value)).length,
		readyReplicas: pods.filter(isReady).length,
		availableReplicas: pods.filter((pod) => isAvailable(pod, rs.spec?.minReadySeconds ?? 0, nowMs)).length,
	};
	return {
		replicas: pods.length,
		...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
		...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
		...(rs.metadata.generation === undefined ? {} : { observedGeneration: rs.metadata.generation }),
	};
}

/** When the next ready pod becomes available by time alone. */
function nextAvailabilityMs(rs: ReplicaOwner, pods: readonly Pod[], nowMs: number): number | undefined {
	const waits = pods.map((pod) => availableInMs(pod, rs.spec?.minReadySeconds ?? 0, nowMs)).filter((ms) => ms !== undefined && ms > 0);
	return waits.length === 0 ? undefined : Math.min(...(waits as number[]));
}
