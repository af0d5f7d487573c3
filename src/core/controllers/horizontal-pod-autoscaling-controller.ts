/**
 * Scales what HorizontalPodAutoscalers name by what its pods use (k8s.io/kubernetes/pkg/controller/podautoscaler). What must be
 * asked of nodes and adapters is gathered between two looks: the first asks, the second decides.
 */
import type { KindRegistry } from "../kinds/define-kind.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { AutoscalingV2HorizontalPodAutoscaler as Autoscaler, Pod } from "../schema/kubernetes.d.ts";
import { AUTOSCALERS, finished, type Look, newLook, setCondition, setCounts, tell } from "./autoscaling/look.ts";
import { decide, podsUnder } from "./autoscaling/metric-decision.ts";
import { queryOf } from "./autoscaling/metric-sources.ts";
import { normalize } from "./autoscaling/normalization.ts";
import { rescale, type ScaleTarget, scaleTarget } from "./autoscaling/scale-target.ts";
import { newMemory, type ScalingMemory, withChange, withRecommendation } from "./autoscaling/scaling-memory.ts";
import { type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { nameOf, uidOf } from "./identity.ts";
import { metaTime } from "./meta-time.ts";

export const AUTOSCALING = "horizontal-pod-autoscaling";
/** --horizontal-pod-autoscaler-sync-period, in milliseconds. */
export const SYNC_PERIOD_MS = 15_000;

export interface AutoscalingDeps {
	registry: KindRegistry;
}

export function horizontalPodAutoscalingController({ registry }: AutoscalingDeps): Controller {
	return {
		name: AUTOSCALING,
		watches: [
			{
				resource: AUTOSCALERS,
				// What this controller itself writes of the status is no reason to look again before the time.
				keys: ({ old, object }) =>
					old && object && semanticEqual((old as Autoscaler).spec, (object as Autoscaler).spec) ? [] : [nameOf((object ?? old) as Autoscaler)],
			},
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, registry),
	};
}

function reconcile(key: string, view: View, ctx: ReconcileContext, registry: KindRegistry): ReconcileResult {
	const autoscaler = view.get<Autoscaler>(AUTOSCALERS, key);
	if (autoscaler?.spec === undefined) return ctx.recall(key) === undefined ? NOTHING : { actions: [{ type: "remember", key, value: undefined }] };
	const look = newLook(autoscaler, view, ctx);
	scale(look, registry);
	return { actions: finished(look), requeueAfterMs: SYNC_PERIOD_MS };
}

function targetOf(look: Look, registry: KindRegistry): ScaleTarget | undefined {
	try {
		const target = scaleTarget(look.autoscaler.spec?.scaleTargetRef ?? { kind: "", name: "" }, look.view, registry);
		setCondition(look, "AbleToScale", "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale");
		return target;
	} catch (error) {
		const { message } = error as Error;
		tell(look, "Warning", "FailedGetScale", message);
		setCondition(look, "AbleToScale", "False", "FailedGetScale", `the HPA controller was unable to get the target's current scale: ${message}`);
		return undefined;
	}
}

interface Remembered extends ScalingMemory {
	/** An autoscaler made anew under the name remembers nothing. */
	uid: string;
}

function memoryOf({ autoscaler, ctx }: Look, current: number): ScalingMemory {
	const known = ctx.recall(nameOf(autoscaler)) as Remembered | undefined;
	return known?.uid === uidOf(autoscaler) ? known : newMemory(current, ctx.nowMs);
}

function remember({ autoscaler, actions }: Look, memory: ScalingMemory): void {
	const value: Remembered = { uid: uidOf(autoscaler), ...memory };
	actions.push({ type: "remember", key: nameOf(autoscaler), value });
}

function scale(look: Look, registry: KindRegistry): void {
	const target = targetOf(look, registry);
	if (target === undefined) return;
	const { specReplicas: current } = target;
	const { minReplicas: min = 1, maxReplicas: max = 1 } = look.autoscaler.spec ?? {};
	if (current === 0 && min !== 0) {
		setCondition(look, "ScalingActive", "False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero");
		return setCounts(look, current, [], 0);
	}
	if (current > max) return apply(look, target, max, "Current number of replicas above Spec.MaxReplicas", memoryOf(look, current));
	if (current < min) return apply(look, target, min, "Current number of replicas below Spec.MinReplicas", memoryOf(look, current));
	scaleByMetrics(look, target, { min, max }, registry);
}

function scaleByMetrics(look: Look, target: ScaleTarget, { min, max }: { min: number; max: number }, registry: KindRegistry): void {
	const { specReplicas: current } = target;
	const found = podsUnder(look, target, registry);
	if ("fault" in found) return giveUp(look, current, [], found.fault);
	const gathered = look.ctx.gathered(nameOf(look.autoscaler));
	if (gathered === undefined) return gather(look, target, found.pods);
	const { replicas, metric, statuses, fault } = decide(look, target, found.pods, gathered);
	if (replicas === undefined) return giveUp(look, current, statuses, fault ?? "");
	const memory = memoryOf(look, current);
	const { nowMs } = look.ctx;
	const wish = { current, desired: replicas, min, max, memory, nowMs };
	const normalized = normalize(wish, look.autoscaler.spec?.behavior);
	setCondition(look, "AbleToScale", "True", normalized.able.reason, normalized.able.message);
	const { status, reason, message } = normalized.limited;
	setCondition(look, "ScalingLimited", status, reason, message);
	const why = replicas > current ? `${metric} above target` : replicas < current ? "All metrics below target" : "";
	apply(look, target, normalized.replicas, why, withRecommendation(memory, replicas, nowMs) ?? memory, statuses);
}

/** Asks for what the metrics need; the answers bring the key back. The conditions wait for them. */
function gather(look: Look, target: ScaleTarget, pods: readonly Pod[]): void {
	const metrics = look.autoscaler.spec?.metrics ?? [];
	const nodes = metrics.some(({ resource, containerResource }) => resource || containerResource) ? pods.flatMap(({ spec }) => spec?.nodeName ?? []) : [];
	const queries = metrics.flatMap((metric) => queryOf(metric, target.selector) ?? []);
	look.draft.status = look.autoscaler.status;
	look.actions.push({ type: "gather", controller: AUTOSCALING, key: nameOf(look.autoscaler), nodes: [...new Set(nodes)], queries });
}

function giveUp(look: Look, current: number, statuses: Parameters<typeof setCounts>[2], fault: string): void {
	setCounts(look, current, statuses);
	tell(look, "Warning", "FailedComputeMetricsReplicas", fault);
}

function apply(look: Look, target: ScaleTarget, desired: number, why: string, memory: ScalingMemory, statuses: Parameters<typeof setCounts>[2] = []): void {
	const { specReplicas: current } = target;
	const { autoscaler, draft, ctx, actions } = look;
	const changed = desired !== current;
	setCounts(look, current, statuses, desired);
	const next = changed && autoscaler.spec?.behavior ? withChange(memory, desired - current, ctx.nowMs) : memory;
	if (next !== ctx.recall(nameOf(autoscaler))) remember(look, next);
	if (!changed) return;
	actions.push(rescale(target, desired));
	setCondition(look, "AbleToScale", "True", "SucceededRescale", `the HPA controller was able to update the target scale to ${desired}`);
	tell(look, "Normal", "SuccessfulRescale", `New size: ${desired}; reason: ${why}`);
	if (draft.status) draft.status.lastScaleTime = metaTime(ctx.nowMs);
}
