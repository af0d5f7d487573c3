/** StatefulSet: pkg/registry/apps/statefulset, SetDefaults_StatefulSet. */
import type { PersistentVolumeClaim, StatefulSet } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { ageColumn, workloadColumns } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { podWarnings } from "./pod-warnings.ts";
import { nameWarnings, validateStatefulSet, validateStatefulSetUpdate } from "./stateful-set-validation.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";

const HISTORY_LIMIT = 10;

function defaults({ spec }: StatefulSet): void {
	if (!spec) return;
	spec.podManagementPolicy ||= "OrderedReady";
	spec.updateStrategy ??= {};
	spec.updateStrategy.type ||= "RollingUpdate";
	if (spec.updateStrategy.type === "RollingUpdate") {
		spec.updateStrategy.rollingUpdate ??= {};
		spec.updateStrategy.rollingUpdate.partition ??= 0;
		spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
	}
	spec.persistentVolumeClaimRetentionPolicy ??= {};
	spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= "Retain";
	spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= "Retain";
	spec.replicas ??= 1;
	spec.revisionHistoryLimit ??= HISTORY_LIMIT;
	spec.volumeClaimTemplates?.forEach(defaultClaim);
	if (spec.template?.spec) defaultPodSpec(spec.template.spec);
}

/** SetDefaults_PersistentVolumeClaim, with the kind that the conversion writes out. */
function defaultClaim(claim: PersistentVolumeClaim): void {
	claim.apiVersion = "v1";
	claim.kind = "PersistentVolumeClaim";
	claim.spec ??= {};
	claim.spec.volumeMode ??= "Filesystem";
	claim.status ??= {};
	claim.status.phase ||= "Pending";
}

export const statefulSetKind = defineKind<StatefulSet>({
	group: "apps",
	version: "v1",
	kind: "StatefulSet",
	plural: "statefulsets",
	singular: "statefulset",
	shortNames: ["sts"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "apps/v1.StatefulSet",
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
	defaults,
	prepareCreate(set) {
		startGeneration(set);
		set.status = { replicas: 0, availableReplicas: 0 };
	},
	prepareUpdate: prepareSpecUpdate,
	validate: validateStatefulSet,
	validateUpdate: validateStatefulSetUpdate,
	warnings: (set, old) => [
		...(old ? [] : nameWarnings(set.metadata.name)),
		...podWarnings(set.spec?.template?.spec, set.spec?.template?.metadata?.annotations, "spec.template."),
	],
	columns: [
		{
			name: "Ready",
			type: "string",
			description: "Number of the pod with ready state",
			cell: (set) => `${set.status?.readyReplicas ?? 0}/${set.spec?.replicas ?? 0}`,
		},
		ageColumn,
		...workloadColumns<StatefulSet>(
			(set) => set.spec?.template,
			(set) => set.spec?.selector,
			"",
		).filter(({ name }) => name !== "Selector"),
	],
});
