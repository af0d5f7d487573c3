/** One look at one autoscaler: a draft of its status, and what is to be done besides. */
import type {
	AutoscalingV2HorizontalPodAutoscaler as Autoscaler,
	AutoscalingV2HorizontalPodAutoscalerCondition as Condition,
	AutoscalingV2MetricStatus as MetricStatus,
} from "../../schema/kubernetes.d.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { Action, ReconcileContext, View } from "../controller.ts";
import { draftOf } from "../identity.ts";
import { metaTime } from "../meta-time.ts";

export const AUTOSCALERS = "autoscaling/horizontalpodautoscalers";
export type ConditionType = "AbleToScale" | "ScalingActive" | "ScalingLimited";

export interface Look {
	readonly autoscaler: Autoscaler;
	readonly draft: Autoscaler;
	readonly view: View;
	readonly ctx: ReconcileContext;
	readonly actions: Action[];
}

export const newLook = (autoscaler: Autoscaler, view: View, ctx: ReconcileContext): Look => ({
	autoscaler,
	draft: draftOf(autoscaler),
	view,
	ctx,
	actions: [],
});

export function tell({ autoscaler, actions }: Look, eventType: "Normal" | "Warning", reason: string, message: string): void {
	actions.push({ type: "event", about: autoscaler, eventType, reason, message });
}

/** A condition keeps its time while its status stays. Mutates the draft. */
export function setCondition({ draft, ctx }: Look, type: ConditionType, status: "True" | "False", reason: string, message: string): void {
	const conditions = draft.status?.conditions ?? [];
	const old = conditions.find((one) => one.type === type);
	const lastTransitionTime = old?.status === status ? old.lastTransitionTime : metaTime(ctx.nowMs);
	const next: Condition = { type, status, reason, message, ...(lastTransitionTime ? { lastTransitionTime } : {}) };
	draft.status = { desiredReplicas: 0, ...draft.status, conditions: old ? conditions.map((one) => (one === old ? next : one)) : [...conditions, next] };
}

/** Without `desired` what was wished for last stays. Mutates the draft. */
export function setCounts({ draft }: Look, current: number, metrics: readonly MetricStatus[], desired?: number): void {
	const status = { desiredReplicas: 0, ...draft.status, currentReplicas: current, currentMetrics: [...metrics] };
	draft.status = desired === undefined ? status : { ...status, desiredReplicas: desired };
}

/** The actions, with a write of the status where it changed. */
export function finished({ autoscaler, draft, actions }: Look): Action[] {
	return semanticEqual(draft.status, autoscaler.status) ? actions : [...actions, { type: "updateStatus", resource: AUTOSCALERS, object: draft }];
}
