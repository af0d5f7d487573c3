/** From what the metrics ask for to what may be done now: stabilization windows, rates, minimum and maximum (podautoscaler/horizontal.go). */
import type { HorizontalPodAutoscalerBehavior, HPAScalingRules } from "../../schema/kubernetes.d.ts";
import { periodStart, recentRecommendations, type ScalingMemory } from "./scaling-memory.ts";

/** --horizontal-pod-autoscaler-downscale-stabilization, in milliseconds. */
export const DOWNSCALE_STABILIZATION_MS = 5 * 60_000;
/** Without behaviour: no more than this factor at once, and at least so many. */
const SCALE_UP_FACTOR = 2;
const SCALE_UP_MINIMUM = 4;

export interface Wish {
	current: number;
	desired: number;
	min: number;
	max: number;
	memory: ScalingMemory;
	nowMs: number;
}

interface Verdict {
	reason: string;
	message: string;
}

export interface Normalized {
	replicas: number;
	/** Of condition AbleToScale, True. */
	able: Verdict;
	/** Of condition ScalingLimited. */
	limited: Verdict & { status: "True" | "False" };
}

const READY: Verdict = { reason: "ReadyForNewScale", message: "recommended size matches current size" };
const WITHIN: Verdict = { reason: "DesiredWithinRange", message: "the desired count is within the acceptable range" };
const TOO_MANY: Verdict = { reason: "TooManyReplicas", message: "the desired replica count is more than the maximum replica count" };
const TOO_FEW: Verdict = { reason: "TooFewReplicas", message: "the desired replica count is less than the minimum replica count" };
const UP_LIMIT: Verdict = { reason: "ScaleUpLimit", message: "the desired replica count is increasing faster than the maximum scale rate" };
const DOWN_LIMIT: Verdict = { reason: "ScaleDownLimit", message: "the desired replica count is decreasing faster than the maximum scale rate" };
const DOWN_STABILIZED: Verdict = {
	reason: "ScaleDownStabilized",
	message: "recent recommendations were higher than current one, applying the highest recent recommendation",
};
const UP_STABILIZED: Verdict = {
	reason: "ScaleUpStabilized",
	message: "recent recommendations were lower than current one, applying the lowest recent recommendation",
};

export function normalize(wish: Wish, behavior: HorizontalPodAutoscalerBehavior | undefined): Normalized {
	const { stabilized, able } = behavior === undefined ? stabilize(wish) : stabilizeWith(wish, behavior);
	const { replicas, verdict } = behavior === undefined ? limit(wish, stabilized) : limitWith({ ...wish, desired: stabilized }, behavior);
	return { replicas, able, limited: { ...verdict, status: replicas === stabilized ? "False" : "True" } };
}

interface Stabilized {
	stabilized: number;
	able: Verdict;
}

function stabilize({ desired, memory, nowMs }: Wish): Stabilized {
	const stabilized = Math.max(desired, ...recentRecommendations(memory, DOWNSCALE_STABILIZATION_MS, nowMs));
	return { stabilized, able: stabilized === desired ? READY : DOWN_STABILIZED };
}

const windowMs = (rules: HPAScalingRules | undefined, usualMs: number): number =>
	rules?.stabilizationWindowSeconds === undefined ? usualMs : rules.stabilizationWindowSeconds * 1000;

function stabilizeWith({ desired, current, memory, nowMs }: Wish, { scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): Stabilized {
	const lowest = Math.min(desired, ...recentRecommendations(memory, windowMs(scaleUp, 0), nowMs));
	const highest = Math.max(desired, ...recentRecommendations(memory, windowMs(scaleDown, DOWNSCALE_STABILIZATION_MS), nowMs));
	const stabilized = Math.min(Math.max(current, lowest), highest);
	return { stabilized, able: stabilized === desired ? READY : desired >= current ? UP_STABILIZED : DOWN_STABILIZED };
}

interface Limited {
	replicas: number;
	verdict: Verdict;
}

function limit({ current, min, max }: Wish, desired: number): Limited {
	const rate = Math.max(SCALE_UP_FACTOR * current, SCALE_UP_MINIMUM);
	if (desired < min) return { replicas: min, verdict: TOO_FEW };
	if (desired > Math.min(rate, max)) return { replicas: Math.min(rate, max), verdict: max > rate ? UP_LIMIT : TOO_MANY };
	return { replicas: desired, verdict: WITHIN };
}

function limitWith(wish: Wish, { scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): Limited {
	const { current, desired, min, max } = wish;
	if (desired > current) {
		const rate = Math.max(current, upLimit(wish, scaleUp ?? {}));
		if (desired > Math.min(rate, max)) return { replicas: Math.min(rate, max), verdict: max > rate ? UP_LIMIT : TOO_MANY };
	} else if (desired < current) {
		const rate = Math.min(current, downLimit(wish, scaleDown ?? {}));
		if (desired < Math.max(rate, min)) return { replicas: Math.max(rate, min), verdict: min < rate ? DOWN_LIMIT : TOO_FEW };
	}
	return { replicas: desired, verdict: WITHIN };
}

function upLimit({ current, memory, nowMs }: Wish, { selectPolicy, policies = [] }: HPAScalingRules): number {
	if (selectPolicy === "Disabled") return current;
	const proposed = policies.map((policy) => {
		const start = periodStart(memory, policy, current, nowMs);
		// Rounded up, or a small target would never grow.
		return policy.type === "Pods" ? start + policy.value : Math.ceil(start * (1 + policy.value / 100));
	});
	return selectPolicy === "Min" ? Math.min(...proposed) : Math.max(...proposed);
}

function downLimit({ current, memory, nowMs }: Wish, { selectPolicy, policies = [] }: HPAScalingRules): number {
	if (selectPolicy === "Disabled") return current;
	const proposed = policies.map((policy) => {
		const start = periodStart(memory, policy, current, nowMs);
		return policy.type === "Pods" ? start - policy.value : Math.trunc(start * (1 - policy.value / 100));
	});
	return selectPolicy === "Min" ? Math.max(...proposed) : Math.min(...proposed);
}
