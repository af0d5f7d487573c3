/** What `kubectl get hpa` shows: formatHPAMetrics of pkg/printers/internalversion. */
import type {
	AutoscalingV2HorizontalPodAutoscaler,
	AutoscalingV2MetricSpec,
	AutoscalingV2MetricStatus,
	MetricTarget,
	MetricValueStatus,
} from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import type { TableColumn } from "./define-kind.ts";

const METRICS_SHOWN_MAX = 2;
const UNKNOWN = "<unknown>";
const SPEC = "autoscaling/v2.HorizontalPodAutoscalerSpec";

/** A plain value against its target, or one per pod. */
function shownAmount(current: MetricValueStatus | undefined, target: MetricTarget | undefined): string {
	if (target?.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
	return `${current?.value ?? UNKNOWN}/${target?.value ?? "<auto>"}`;
}

function shownShare(label: string, current: MetricValueStatus | undefined, target: MetricTarget | undefined): string {
	if (target?.averageValue !== undefined) return `${label}: ${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
	const share = current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`;
	return `${label}: ${share}/${target?.averageUtilization === undefined ? "<auto>" : `${target.averageUtilization}%`}`;
}

function shownMetric(spec: AutoscalingV2MetricSpec, status: AutoscalingV2MetricStatus | undefined): string {
	switch (spec.type) {
		case "External":
			return shownAmount(status?.external?.current, spec.external?.target);
		case "Object":
			return shownAmount(status?.object?.current, spec.object?.target);
		case "Pods":
			return `${status?.pods?.current?.averageValue ?? UNKNOWN}/${spec.pods?.target.averageValue ?? UNKNOWN}`;
		case "Resource":
			return shownShare(spec.resource?.name ?? "", status?.resource?.current, spec.resource?.target);
		case "ContainerResource":
			return shownShare(spec.containerResource?.name ?? "", status?.containerResource?.current, spec.containerResource?.target);
		default:
			return "<unknown type>";
	}
}

function shownTargets({ spec, status }: AutoscalingV2HorizontalPodAutoscaler): string {
	const metrics = spec?.metrics ?? [];
	if (metrics.length === 0) return "<none>";
	const shown = metrics.slice(0, METRICS_SHOWN_MAX).map((metric, index) => shownMetric(metric, status?.currentMetrics?.[index]));
	const more = metrics.length - METRICS_SHOWN_MAX;
	return more > 0 ? `${shown.join(", ")} + ${more} more...` : shown.join(", ");
}

export const horizontalPodAutoscalerColumns: TableColumn<AutoscalingV2HorizontalPodAutoscaler>[] = [
	{
		name: "Reference",
		type: "string",
		description:
			"scaleTargetRef points to the target resource to scale, and is used to the pods for which metrics should be collected, as well as to actually change the replica count.",
		cell: ({ spec }) => `${spec?.scaleTargetRef?.kind ?? ""}/${spec?.scaleTargetRef?.name ?? ""}`,
	},
	fieldColumn(SPEC, "metrics", { name: "Targets", type: "string", cell: shownTargets }),
	fieldColumn(SPEC, "minReplicas", {
		name: "MinPods",
		type: "string",
		cell: ({ spec }) => (spec?.minReplicas === undefined ? "<unset>" : String(spec.minReplicas)),
	}),
	fieldColumn(SPEC, "maxReplicas", { name: "MaxPods", type: "string", cell: ({ spec }) => spec?.maxReplicas ?? 0 }),
	fieldColumn("autoscaling/v2.HorizontalPodAutoscalerStatus", "currentReplicas", {
		name: "Replicas",
		type: "string",
		cell: ({ status }) => status?.currentReplicas ?? 0,
	}),
	ageColumn,
];
