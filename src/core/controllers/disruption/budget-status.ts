/** What a budget's status says of disruptions, written by its controller and by each eviction (k8s.io/component-helpers/apps/poddisruptionbudget). */
import type { Condition, PodDisruptionBudget, PodDisruptionBudgetStatus } from "../../schema/kubernetes.d.ts";
import { metaTime } from "../meta-time.ts";

export const DISRUPTION_ALLOWED = "DisruptionAllowed";
export const SYNC_FAILED = "SyncFailed";

export const disruptionCondition = (status: PodDisruptionBudgetStatus | undefined): Condition | undefined =>
	status?.conditions?.find(({ type }) => type === DISRUPTION_ALLOWED);

/** meta.SetStatusCondition: the time of the last transition stays while the status does. Mutates. */
export function setDisruptionCondition(budget: PodDisruptionBudget, condition: Omit<Condition, "type" | "lastTransitionTime">, nowMs: number): void {
	const status = (budget.status ??= { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 });
	const old = disruptionCondition(status);
	const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : metaTime(nowMs);
	const next: Condition = { type: DISRUPTION_ALLOWED, ...condition, lastTransitionTime };
	status.conditions = old ? (status.conditions ?? []).map((other) => (other === old ? next : other)) : [...(status.conditions ?? []), next];
}

/** The condition follows the number. Mutates. */
export function updateDisruptionCondition(budget: PodDisruptionBudget, nowMs: number): void {
	const allowed = (budget.status?.disruptionsAllowed ?? 0) > 0;
	const { observedGeneration } = budget.status ?? {};
	setDisruptionCondition(
		budget,
		{
			status: allowed ? "True" : "False",
			reason: allowed ? "SufficientPods" : "InsufficientPods",
			message: "",
			...(observedGeneration === undefined ? {} : { observedGeneration }),
		},
		nowMs,
	);
}
