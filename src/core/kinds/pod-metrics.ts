/** PodMetrics of metrics.k8s.io, as metrics-server shows them: read only, and computed when they are asked for. */
import { addQuantities, parseQuantity, quantityText, ZERO_QUANTITY } from "../quantity/quantity.ts";
import type { PodMetrics } from "../schema/kubernetes.d.ts";
import { defineKind, type TableColumn } from "./define-kind.ts";
import { windowColumn } from "./node-metrics.ts";

const total = ({ containers }: PodMetrics, resource: "cpu" | "memory"): string =>
	quantityText((containers ?? []).map(({ usage }) => parseQuantity(usage?.[resource] ?? "0")).reduce(addQuantities, ZERO_QUANTITY));

export const podMetricsKind = defineKind<PodMetrics>({
	group: "metrics.k8s.io",
	version: "v1beta1",
	kind: "PodMetrics",
	plural: "pods",
	singular: "pod",
	scope: "Namespaced",
	verbs: ["get", "list"],
	schema: "metrics/v1beta1.PodMetrics",
	computed: "usage",
	validate: () => [],
	columns: [
		{ name: "CPU", type: "string", description: "Cores used by all containers, on average over the window.", cell: (metrics) => total(metrics, "cpu") },
		{ name: "Memory", type: "string", description: "Bytes of all containers' working sets.", cell: (metrics) => total(metrics, "memory") },
		windowColumn as TableColumn<PodMetrics>,
	],
});
