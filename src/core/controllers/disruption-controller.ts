/** Says in each PodDisruptionBudget's status how many of its pods may be evicted (k8s.io/kubernetes/pkg/controller/disruption). */
import type { KindRegistry } from "../kinds/define-kind.ts";
import type { KubeObject } from "../meta/object.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { scaledValue } from "./deployment/replica-bounds.ts";
import { disruptionCondition, setDisruptionCondition, SYNC_FAILED, updateDisruptionCondition } from "./disruption/budget-status.ts";
import { expectedScale } from "./disruption/expected-scale.ts";
import { draftOf, isBeingDeleted, labelsOf, nameOf, namespaceOf } from "./identity.ts";
import { timeMs } from "./meta-time.ts";
import { isReady } from "./pod-state.ts";

export const BUDGETS = "policy/poddisruptionbudgets";
/** How long an evicted pod has until it is deleted; after that it counts again (DeletionTimeout), in milliseconds. */
export const DELETION_TIMEOUT_MS = 2 * 60_000;

export interface DisruptionDeps {
	registry: KindRegistry;
}

export function disruptionController({ registry }: DisruptionDeps): Controller {
	return {
		name: "disruption",
		watches: [
			{ resource: BUDGETS, keys: ({ object }) => (object === undefined ? [] : [nameOf(object)]) },
			{ resource: "pods", keys: budgetsOfPod },
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, registry),
	};
}

/** The budgets that count the pod, or counted it before. */
function budgetsOfPod({ old, object }: ObjectChange, view: View): string[] {
	const versions = [old, object].filter((version) => version !== undefined);
	return budgetsFor(view.list<PodDisruptionBudget>(BUDGETS), versions).map(nameOf);
}

const budgetsFor = (budgets: readonly PodDisruptionBudget[], pods: readonly KubeObject[]): PodDisruptionBudget[] =>
	budgets.filter(({ spec }) => {
		const selector = labelSelectorOf(spec?.selector);
		return pods.some((pod) => selector.matches(labelsOf(pod)));
	});

interface Wanted {
	expectedPods: number;
	desiredHealthy: number;
	unmanaged: Pod[];
}

function reconcile(key: string, view: View, ctx: ReconcileContext, registry: KindRegistry): ReconcileResult {
	const budget = view.get<PodDisruptionBudget>(BUDGETS, key);
	if (budget === undefined) return NOTHING;
	const selector = labelSelectorOf(budget.spec?.selector);
	const pods = view.list<Pod>("pods", budget.spec?.selector?.matchLabels).filter((pod) => selector.matches(labelsOf(pod)));
	const actions: Action[] = pods.length === 0 ? [event(budget, "Normal", "NoPods", "No matching pods found")] : [];
	let wanted: Wanted;
	try {
		wanted = wantedOf(budget, pods, view, registry);
	} catch (error) {
		return { actions: [...actions, ...failSafe(budget, (error as Error).message, ctx.nowMs)] };
	}
	if (wanted.unmanaged.length > 0) actions.push(unmanagedEvent(budget));
	const disrupted = disruptedPods(budget, pods, ctx.nowMs);
	const status = statusOf(budget, pods, wanted, disrupted.map, ctx.nowMs);
	// What is told once of a state is not told again by each look at it.
	if (semanticEqual(status, budget.status)) return { actions: disrupted.actions, requeueAfterMs: disrupted.recheckMs };
	actions.push(...disrupted.actions, { type: "updateStatus", resource: BUDGETS, object: { ...draftOf(budget), status } as PodDisruptionBudget });
	return { actions, requeueAfterMs: disrupted.recheckMs };
}

function wantedOf({ spec }: PodDisruptionBudget, pods: readonly Pod[], view: View, registry: KindRegistry): Wanted {
	if (spec?.maxUnavailable !== undefined) {
		const { replicas, unmanaged } = expectedScale(pods, view, registry);
		return { expectedPods: replicas, desiredHealthy: Math.max(0, replicas - scaledValue(spec.maxUnavailable, replicas, true)), unmanaged };
	}
	if (spec?.minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0, unmanaged: [] };
	if (typeof spec.minAvailable === "number") return { expectedPods: pods.length, desiredHealthy: spec.minAvailable, unmanaged: [] };
	const { replicas, unmanaged } = expectedScale(pods, view, registry);
	return { expectedPods: replicas, desiredHealthy: scaledValue(spec.minAvailable, replicas, true), unmanaged };
}

/** Evicted pods whose deletion is still to be seen; those that stayed for too long are told of and dropped. */
function disruptedPods(
	budget: PodDisruptionBudget,
	pods: readonly Pod[],
	nowMs: number,
): { map: Record<string, string>; recheckMs?: number; actions: Action[] } {
	const map: Record<string, string> = {};
	const actions: Action[] = [];
	let recheckMs: number | undefined;
	for (const pod of pods) {
		const since = budget.status?.disruptedPods?.[nameOf(pod)];
		if (since === undefined || isBeingDeleted(pod)) continue;
		const leftMs = (timeMs(since) ?? 0) + DELETION_TIMEOUT_MS - nowMs;
		if (leftMs < 0) {
			const message = `Pod was expected by PDB ${namespaceOf(budget)}/${nameOf(budget)} to be deleted but it wasn't`;
			actions.push(event(pod, "Warning", "NotDeleted", message));
			continue;
		}
		map[nameOf(pod)] = since;
		// A second's precision is all that the time has: a moment later it is past.
		recheckMs = Math.min(recheckMs ?? leftMs + 1, leftMs + 1);
	}
	return { map, actions, ...(recheckMs === undefined ? {} : { recheckMs }) };
}

function statusOf(
	budget: PodDisruptionBudget,
	pods: readonly Pod[],
	wanted: Wanted,
	disrupted: Record<string, string>,
	nowMs: number,
): PodDisruptionBudgetStatus {
	const healthy = pods.filter((pod) => !isBeingDeleted(pod) && !(nameOf(pod) in disrupted) && isReady(pod)).length;
	const allowed = healthy - wanted.desiredHealthy;
	const draft = draftOf(budget);
	draft.status = {
		currentHealthy: healthy,
		desiredHealthy: wanted.desiredHealthy,
		// A budget that matches no pod yet is on the safe side when the first ones appear before this controller counts them.
		disruptionsAllowed: wanted.expectedPods <= 0 ? 0 : Math.max(0, allowed),
		expectedPods: wanted.expectedPods,
		...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
		...(budget.metadata.generation === undefined ? {} : { observedGeneration: budget.metadata.generation }),
		...(draft.status?.conditions ? { conditions: draft.status.conditions } : {}),
	};
	updateDisruptionCondition(draft, nowMs);
	return draft.status;
}

/** What cannot be counted allows no disruption, and says why. */
function failSafe(budget: PodDisruptionBudget, message: string, nowMs: number): Action[] {
	const draft = draftOf(budget);
	draft.status = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...draft.status, disruptionsAllowed: 0 };
	const { generation } = budget.metadata;
	setDisruptionCondition(
		draft,
		{ status: "False", reason: SYNC_FAILED, message, ...(generation === undefined ? {} : { observedGeneration: generation }) },
		nowMs,
	);
	if (semanticEqual(draft.status, budget.status)) return [];
	const told = disruptionCondition(budget.status);
	const news = told?.reason !== SYNC_FAILED || told.message !== message;
	return [
		...(news ? [event(budget, "Warning", "CalculateExpectedPodCountFailed", `Failed to calculate the number of expected pods: ${message}`)] : []),
		{ type: "updateStatus", resource: BUDGETS, object: draft },
	];
}

const event = (about: KubeObject, eventType: "Normal" | "Warning", reason: string, message: string): Action => ({
	type: "event",
	about,
	eventType,
	reason,
	message,
});

function unmanagedEvent(budget: PodDisruptionBudget): Action {
	const { matchLabels = {}, matchExpressions = [] } = budget.spec?.selector ?? {};
	// As Go prints a LabelSelector.
	const labels = Object.entries(matchLabels).map(([key, value]) => `${key}: ${value},`);
	const expressions = matchExpressions.map(({ key, operator, values = [] }) => `{${key} ${operator} [${values.join(" ")}]},`);
	const selector = `&LabelSelector{MatchLabels:map[string]string{${labels.join("")}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join("")}},}`;
	const message =
		`Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be ` +
		'calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
	return event(budget, "Warning", "UnmanagedPods", message);
}
