/** ComponentStatus: what a control plane's parts say of themselves; deprecated, and still asked for (pkg/registry/core/componentstatus). */
import type { ComponentStatus } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";

const healthy = ({ conditions }: ComponentStatus) => conditions?.find(({ type }) => type === "Healthy");

/** The parts of this control plane. They run inside what answers: who reads this finds them running. */
export const COMPONENT_STATUSES: readonly ComponentStatus[] = ["controller-manager", "scheduler", "store"].map((name) => ({
	apiVersion: "v1",
	kind: "ComponentStatus",
	metadata: { name },
	conditions: [{ type: "Healthy", status: "True", message: "ok" }],
}));

export const componentStatusKind = defineKind<ComponentStatus>({
	group: "",
	version: "v1",
	kind: "ComponentStatus",
	plural: "componentstatuses",
	singular: "componentstatus",
	shortNames: ["cs"],
	scope: "Cluster",
	schema: "core/v1.ComponentStatus",
	verbs: ["get", "list"],
	deprecation: "v1 ComponentStatus is deprecated in v1.19+",
	validate: () => [],
	columns: [
		{
			name: "Status",
			type: "string",
			description: "Status of the component conditions",
			cell: (component) => (healthy(component)?.status === "True" ? "Healthy" : "Unhealthy"),
		},
		{ name: "Message", type: "string", description: "Message of the component conditions", cell: (component) => healthy(component)?.message ?? "" },
		{ name: "Error", type: "string", description: "Error of the component conditions", cell: (component) => healthy(component)?.error ?? "" },
	],
});
