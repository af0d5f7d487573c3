/**
 * HorizontalPodAutoscaler of autoscaling/v1: the CPU share as a field of its own, all that v2 knows beyond it in annotations
 * (pkg/apis/autoscaling/v1/conversion.go).
 */
import type {
	AutoscalingV1HorizontalPodAutoscaler,
	AutoscalingV1HorizontalPodAutoscalerCondition,
	AutoscalingV1MetricSpec,
	AutoscalingV1MetricStatus,
	AutoscalingV2HorizontalPodAutoscaler,
	AutoscalingV2MetricSpec,
	AutoscalingV2MetricStatus,
	HorizontalPodAutoscalerBehavior,
	HPAScalingRules,
} from "../schema/kubernetes.d.ts";
import { defineKind, versionOf } from "./define-kind.ts";
import { horizontalPodAutoscalerKind } from "./horizontal-pod-autoscaler.ts";
import { metricStatusToV1, metricStatusToV2, metricToV1, metricToV2 } from "./horizontal-pod-autoscaler-metrics.ts";

const METRICS = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior";
const ROUND_TRIP = [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR];
const CPU_UTILIZATION = 80;

type V1 = AutoscalingV1HorizontalPodAutoscaler;
type V2 = AutoscalingV2HorizontalPodAutoscaler;

const isCpuShare = ({ type, resource }: AutoscalingV2MetricSpec): boolean =>
	type === "Resource" && resource?.name === "cpu" && resource.target.averageUtilization !== undefined;

const cpuShare = (share: number): AutoscalingV2MetricSpec => ({
	type: "Resource",
	resource: { name: "cpu", target: { type: "Utilization", averageUtilization: share } },
});

/** The annotation holds upstream's internal type, whose fields are in upper case. */
function rulesText(rules: HPAScalingRules | undefined): unknown {
	if (rules === undefined) return null;
	const { stabilizationWindowSeconds, selectPolicy, policies = [], tolerance } = rules;
	return {
		StabilizationWindowSeconds: stabilizationWindowSeconds ?? null,
		SelectPolicy: selectPolicy ?? null,
		Policies: policies.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })),
		Tolerance: tolerance ?? null,
	};
}

type InternalRules = {
	StabilizationWindowSeconds?: number | null;
	SelectPolicy?: string | null;
	Policies?: { Type: string; Value: number; PeriodSeconds: number }[] | null;
	Tolerance?: string | null;
};

function rulesOf(rules: InternalRules | null | undefined): HPAScalingRules | undefined {
	if (!rules) return undefined;
	const found: HPAScalingRules = {};
	if (rules.StabilizationWindowSeconds != null) found.stabilizationWindowSeconds = rules.StabilizationWindowSeconds;
	if (rules.SelectPolicy != null) found.selectPolicy = rules.SelectPolicy;
	if (rules.Policies) found.policies = rules.Policies.map(({ Type, Value, PeriodSeconds }) => ({ type: Type, value: Value, periodSeconds: PeriodSeconds }));
	if (rules.Tolerance != null) found.tolerance = rules.Tolerance;
	return found;
}

/** What cannot be read counts as not there, as upstream. */
function parsed<T>(text: string | undefined): T | undefined {
	try {
		return text === undefined ? undefined : (JSON.parse(text) as T);
	} catch {
		return undefined;
	}
}

function behaviorOf(text: string | undefined): HorizontalPodAutoscalerBehavior | undefined {
	const found = parsed<{ ScaleUp?: InternalRules; ScaleDown?: InternalRules }>(text);
	if (!found) return undefined;
	const [scaleUp, scaleDown] = [rulesOf(found.ScaleUp), rulesOf(found.ScaleDown)];
	return { ...(scaleUp ? { scaleUp } : {}), ...(scaleDown ? { scaleDown } : {}) };
}

function withoutRoundTrip(annotations: Record<string, string> | undefined): Record<string, string> {
	return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => !ROUND_TRIP.includes(key)));
}

function withAnnotations<T extends { metadata: V1["metadata"] }>(object: T, annotations: Record<string, string>): T["metadata"] {
	const { annotations: _, ...metadata } = object.metadata;
	return Object.keys(annotations).length > 0 ? { ...metadata, annotations } : metadata;
}

/** As autoscaling/v1 shows what is stored. */
export function horizontalPodAutoscalerToV1(stored: V2): V1 {
	const { spec, status } = stored;
	const metrics = spec?.metrics ?? [];
	const others = metrics.filter((metric) => !isCpuShare(metric));
	const current = status?.currentMetrics ?? [];
	const annotations = withoutRoundTrip(stored.metadata.annotations);
	if (others.length > 0) annotations[METRICS] = JSON.stringify(others.map(metricToV1));
	if (current.length > 0) annotations[CURRENT_METRICS] = JSON.stringify(current.map(metricStatusToV1));
	if (status?.conditions?.length) annotations[CONDITIONS] = JSON.stringify(status.conditions);
	if (spec?.behavior) annotations[BEHAVIOR] = JSON.stringify({ ScaleUp: rulesText(spec.behavior.scaleUp), ScaleDown: rulesText(spec.behavior.scaleDown) });
	const share = metrics.find(isCpuShare)?.resource?.target.averageUtilization;
	const used = current.findLast(({ type, resource }) => type === "Resource" && resource?.name === "cpu")?.resource?.current.averageUtilization;
	const { currentMetrics: _, conditions: __, currentReplicas = 0, desiredReplicas = 0, ...times } = status ?? {};
	return {
		apiVersion: "autoscaling/v1",
		kind: "HorizontalPodAutoscaler",
		metadata: withAnnotations(stored, annotations),
		spec: {
			scaleTargetRef: spec?.scaleTargetRef ?? { kind: "", name: "" },
			...(spec?.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
			maxReplicas: spec?.maxReplicas ?? 0,
			...(share === undefined ? {} : { targetCPUUtilizationPercentage: share }),
		},
		status: { ...times, currentReplicas, desiredReplicas, ...(used === undefined ? {} : { currentCPUUtilizationPercentage: used }) },
	};
}

function metricsOf({ metadata, spec }: V1): AutoscalingV2MetricSpec[] {
	const others = parsed<AutoscalingV1MetricSpec[]>(metadata.annotations?.[METRICS]) ?? [];
	const share = spec?.targetCPUUtilizationPercentage;
	const metrics = [...others.map(metricToV2), ...(share === undefined ? [] : [cpuShare(share)])];
	// v1 had this default in its controller.
	return metrics.length > 0 ? metrics : [cpuShare(CPU_UTILIZATION)];
}

function currentMetricsOf({ metadata, status }: V1): AutoscalingV2MetricStatus[] | undefined {
	const known = parsed<AutoscalingV1MetricStatus[]>(metadata.annotations?.[CURRENT_METRICS]);
	if (known?.length) return known.map(metricStatusToV2);
	const used = status?.currentCPUUtilizationPercentage;
	return used === undefined ? undefined : [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: used } } }];
}

/** As it is stored. */
export function horizontalPodAutoscalerToV2(object: V1): V2 {
	const { spec, status } = object;
	const conditions = parsed<AutoscalingV1HorizontalPodAutoscalerCondition[]>(object.metadata.annotations?.[CONDITIONS]);
	const behavior = behaviorOf(object.metadata.annotations?.[BEHAVIOR]);
	const { currentCPUUtilizationPercentage: _, ...counts } = status ?? { currentReplicas: 0, desiredReplicas: 0 };
	return {
		apiVersion: "autoscaling/v2",
		kind: "HorizontalPodAutoscaler",
		metadata: withAnnotations(object, withoutRoundTrip(object.metadata.annotations)),
		spec: {
			scaleTargetRef: spec?.scaleTargetRef ?? { kind: "", name: "" },
			...(spec?.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
			maxReplicas: spec?.maxReplicas ?? 0,
			metrics: metricsOf(object),
			...(behavior ? { behavior } : {}),
		},
		// Go prints the list also where there is none.
		status: { ...counts, currentMetrics: currentMetricsOf(object) ?? null, ...(conditions?.length ? { conditions } : {}) } as V2["status"],
	};
}

export const horizontalPodAutoscalerV1Kind = defineKind<V1>(
	versionOf(horizontalPodAutoscalerKind, {
		version: "v1",
		schema: "autoscaling/v1.HorizontalPodAutoscaler",
		present: (stored) => horizontalPodAutoscalerToV1(stored as V2),
		encode: horizontalPodAutoscalerToV2,
		defaults({ spec }) {
			if (spec) spec.minReplicas ??= 1;
		},
	}),
);
