/** ReplicaSet: pkg/registry/apps/replicaset, SetDefaults_ReplicaSet. */
import type { ReplicaSet } from "../schema/kubernetes.d.ts";
import { ageColumn, workloadColumns } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { podWarnings } from "./pod-warnings.ts";
import { validateReplicaSet, validateReplicaSetUpdate } from "./replica-set-validation.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";

export const replicaSetKind = defineKind<ReplicaSet>({
	group: "apps",
	version: "v1",
	kind: "ReplicaSet",
	plural: "replicasets",
	singular: "replicaset",
	shortNames: ["rs"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "apps/v1.ReplicaSet",
	podTemplate: (set) => set.spec?.template,
	subresources: {
		status: statusSubresource,
		scale: {
			specReplicas: (set) => set.spec?.replicas ?? 0,
			setSpecReplicas(set, replicas) {
				if (set.spec) set.spec.replicas = replicas;
			},
			statusReplicas: (set) => set.status?.replicas ?? 0,
			selector: (set) => labelSelectorOf(set.spec?.selector).toString(),
		},
	},
	defaults({ spec }) {
		if (!spec) return;
		spec.replicas ??= 1;
		if (spec.template?.spec) defaultPodSpec(spec.template.spec);
	},
	prepareCreate(set) {
		startGeneration(set);
		set.status = { replicas: 0 };
	},
	prepareUpdate: prepareSpecUpdate,
	validate: validateReplicaSet,
	validateUpdate: validateReplicaSetUpdate,
	warnings: (set) => podWarnings(set.spec?.template?.spec, set.spec?.template?.metadata?.annotations, "spec.template."),
	columns: [
		{
			name: "Desired",
			type: "integer",
			description:
				"Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
			cell: (set) => set.spec?.replicas ?? 0,
		},
		{
			name: "Current",
			type: "integer",
			description:
				"Replicas is the most recently observed number of non-terminating pods. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
			cell: (set) => set.status?.replicas ?? 0,
		},
		{
			name: "Ready",
			type: "integer",
			description: "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.",
			cell: (set) => set.status?.readyReplicas ?? 0,
		},
		ageColumn,
		...workloadColumns<ReplicaSet>(
			(set) => set.spec?.template,
			(set) => set.spec?.selector,
			"Selector is a label query over pods that should match the replica count. Label keys and values that must match in order to be controlled by this replica set. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
		),
	],
	selectableFields: { "status.replicas": (set) => String(set.status?.replicas ?? 0) },
});
