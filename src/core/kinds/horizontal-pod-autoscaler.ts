/** HorizontalPodAutoscaler: pkg/registry/autoscaling/horizontalpodautoscaler, SetDefaults_HorizontalPodAutoscaler of autoscaling/v2. */
import type { AutoscalingV2HorizontalPodAutoscaler, HPAScalingPolicy, HPAScalingRules } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";
import { horizontalPodAutoscalerColumns } from "./horizontal-pod-autoscaler-columns.ts";
import { validateHorizontalPodAutoscaler } from "./horizontal-pod-autoscaler-validation.ts";
import { validateNonNegative } from "./pod-template-validation.ts";
import { keepSpec, keepStatus } from "./strategy.ts";

/** The share of its requests that a pod's CPU is kept at, when no metric is named. */
const CPU_UTILIZATION = 80;
const SCALE_UP_POLICIES: readonly HPAScalingPolicy[] = [
	{ type: "Pods", value: 4, periodSeconds: 15 },
	{ type: "Percent", value: 100, periodSeconds: 15 },
];
const SCALE_DOWN_POLICIES: readonly HPAScalingPolicy[] = [{ type: "Percent", value: 100, periodSeconds: 15 }];

/** GenerateHPAScaleUpRules and GenerateHPAScaleDownRules: what is said goes over what is usual. */
function withUsual(rules: HPAScalingRules | undefined, policies: readonly HPAScalingPolicy[]): HPAScalingRules {
	const next = { ...rules };
	next.selectPolicy ??= "Max";
	next.policies ??= structuredClone([...policies]);
	return next;
}

function defaults({ spec }: AutoscalingV2HorizontalPodAutoscaler): void {
	if (!spec) return;
	spec.minReplicas ??= 1;
	if (!spec.metrics?.length) {
		spec.metrics = [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: CPU_UTILIZATION } } }];
	}
	if (!spec.behavior) return;
	spec.behavior.scaleUp = withUsual(spec.behavior.scaleUp, SCALE_UP_POLICIES);
	spec.behavior.scaleUp.stabilizationWindowSeconds ??= 0;
	spec.behavior.scaleDown = withUsual(spec.behavior.scaleDown, SCALE_DOWN_POLICIES);
}

export const horizontalPodAutoscalerKind = defineKind<AutoscalingV2HorizontalPodAutoscaler>({
	group: "autoscaling",
	version: "v2",
	kind: "HorizontalPodAutoscaler",
	plural: "horizontalpodautoscalers",
	singular: "horizontalpodautoscaler",
	shortNames: ["hpa"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "autoscaling/v2.HorizontalPodAutoscaler",
	subresources: {
		status: {
			prepareUpdate: keepSpec,
			validateUpdate: ({ status }) =>
				validateNonNegative({ "status.currentReplicas": status?.currentReplicas, "status.desiredReplicas": status?.desiredReplicas }),
		},
	},
	defaults,
	prepareCreate(autoscaler) {
		autoscaler.status = { currentMetrics: null, desiredReplicas: 0 } as never;
	},
	prepareUpdate: keepStatus,
	validate: validateHorizontalPodAutoscaler,
	columns: horizontalPodAutoscalerColumns,
});
