/** Deployment: pkg/registry/apps/deployment, SetDefaults_Deployment. */
import { semanticEqual } from "../meta/equality.ts";
import type { Deployment } from "../schema/kubernetes.d.ts";
import { validateDeployment, validateDeploymentUpdate } from "./deployment-validation.ts";
import { ageColumn, workloadColumns } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { podWarnings } from "./pod-warnings.ts";
import { bumpGeneration, keepSpec, keepStatus, startGeneration } from "./strategy.ts";

const HISTORY_LIMIT = 10;
const PROGRESS_DEADLINE_SECONDS = 600;
const ROLLING_SHARE = "25%";

function defaults(deployment: Deployment): void {
	const spec = deployment.spec;
	if (!spec) return;
	spec.replicas ??= 1;
	spec.strategy ??= {};
	spec.strategy.type ||= "RollingUpdate";
	if (spec.strategy.type === "RollingUpdate") {
		spec.strategy.rollingUpdate ??= {};
		spec.strategy.rollingUpdate.maxUnavailable ??= ROLLING_SHARE;
		spec.strategy.rollingUpdate.maxSurge ??= ROLLING_SHARE;
	}
	spec.revisionHistoryLimit ??= HISTORY_LIMIT;
	spec.progressDeadlineSeconds ??= PROGRESS_DEADLINE_SECONDS;
	if (spec.template?.spec) defaultPodSpec(spec.template.spec);
}

export const deploymentKind = defineKind<Deployment>({
	group: "apps",
	version: "v1",
	kind: "Deployment",
	plural: "deployments",
	singular: "deployment",
	shortNames: ["deploy"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "apps/v1.Deployment",
	podTemplate: (deployment) => deployment.spec?.template,
	subresources: {
		status: {
			prepareUpdate(next, old) {
				keepSpec(next, old);
				bumpGeneration(next, old, false);
				if (old.metadata.labels) next.metadata.labels = structuredClone(old.metadata.labels);
				else delete next.metadata.labels;
			},
		},
		scale: {
			specReplicas: (deployment) => deployment.spec?.replicas ?? 0,
			setSpecReplicas(deployment, replicas) {
				if (deployment.spec) deployment.spec.replicas = replicas;
			},
			statusReplicas: (deployment) => deployment.status?.replicas ?? 0,
			selector: (deployment) => labelSelectorOf(deployment.spec?.selector).toString(),
		},
	},
	defaults,
	prepareCreate: startGeneration,
	prepareUpdate(next, old) {
		keepStatus(next, old);
		const changed = !semanticEqual(next.spec, old.spec) || !semanticEqual(next.metadata.annotations ?? {}, old.metadata.annotations ?? {});
		bumpGeneration(next, old, changed);
	},
	validate: validateDeployment,
	validateUpdate: validateDeploymentUpdate,
	warnings: (deployment) => podWarnings(deployment.spec?.template?.spec, deployment.spec?.template?.metadata?.annotations, "spec.template."),
	columns: [
		{
			name: "Ready",
			type: "string",
			description: "Number of the pod with ready state",
			cell: (deployment) => `${deployment.status?.readyReplicas ?? 0}/${deployment.spec?.replicas ?? 0}`,
		},
		{
			name: "Up-to-date",
			type: "string",
			description: "Total number of non-terminating pods targeted by this deployment that have the desired template spec.",
			cell: (deployment) => deployment.status?.updatedReplicas ?? 0,
		},
		{
			name: "Available",
			type: "string",
			description: "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.",
			cell: (deployment) => deployment.status?.availableReplicas ?? 0,
		},
		ageColumn,
		...workloadColumns<Deployment>(
			(deployment) => deployment.spec?.template,
			(deployment) => deployment.spec?.selector,
			"Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment. It must match the pod template's labels.",
		),
	],
});
