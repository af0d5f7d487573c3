/** NodeMetrics of metrics.k8s.io, as metrics-server shows them: read only, and computed when they are asked for. */
import type { NodeMetrics } from "../schema/kubernetes.d.ts";
import { defineKind, type TableColumn } from "./define-kind.ts";

interface Measured {
	window: string;
}

const text = (name: string, description: string, cell: (metrics: never) => string): TableColumn<never> => ({ name, type: "string", description, cell });

export const windowColumn = text("Window", "The time the usage is an average of.", ({ window }: Measured) => window);

export const nodeMetricsKind = defineKind<NodeMetrics>({
	group: "metrics.k8s.io",
	version: "v1beta1",
	kind: "NodeMetrics",
	plural: "nodes",
	singular: "node",
	scope: "Cluster",
	verbs: ["get", "list"],
	schema: "metrics/v1beta1.NodeMetrics",
	computed: "usage",
	validate: () => [],
	columns: [
		text("CPU", "Cores used, on average over the window.", ({ usage }: NodeMetrics) => usage?.cpu ?? ""),
		text("Memory", "Bytes of the working set.", ({ usage }: NodeMetrics) => usage?.memory ?? ""),
		windowColumn,
	] as TableColumn<NodeMetrics>[],
});
