/** ReplicationController: pkg/registry/core/replicationcontroller, SetDefaults_ReplicationController. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import type { ReplicationController } from "../schema/kubernetes.d.ts";
import { selectorFromSet } from "../selector/label-selector.ts";
import { ageColumn, formatLabels, workloadColumns } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { validateNonNegative, validatePodTemplate } from "./pod-template-validation.ts";
import { podWarnings } from "./pod-warnings.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";

function validate({ spec }: ReplicationController): FieldError[] {
	const errors = validateNonNegative({ "spec.minReadySeconds": spec?.minReadySeconds });
	const selector = spec?.selector ?? {};
	if (Object.keys(selector).length === 0) errors.push(required("spec.selector"));
	if (spec?.replicas === undefined) errors.push(required("spec.replicas"));
	errors.push(...validateNonNegative({ "spec.replicas": spec?.replicas }));
	const template = spec?.template;
	if (!template) return [...errors, required("spec.template")];
	const labels = template.metadata?.labels ?? {};
	if (Object.keys(selector).length > 0 && !selectorFromSet(selector).matches(labels)) {
		errors.push(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
	}
	errors.push(...validatePodTemplate(template, "spec.template"));
	const restartPolicy = template.spec?.restartPolicy;
	if (restartPolicy !== "Always") errors.push(notSupported("spec.template.spec.restartPolicy", restartPolicy ?? "", ["Always"]));
	if (template.spec?.activeDeadlineSeconds !== undefined) {
		errors.push(forbidden("spec.template.spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicationController is not Supported"));
	}
	return errors;
}

/** Selector and labels come from the template's labels where they are not given. */
function defaults(controller: ReplicationController): void {
	const { spec, metadata } = controller;
	if (!spec) return;
	const labels = spec.template?.metadata?.labels;
	if (labels && Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
	if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
	spec.replicas ??= 1;
	if (spec.template?.spec) defaultPodSpec(spec.template.spec);
}

type Counter = "replicas" | "readyReplicas";
const counter = (name: string, field: Counter, description: string) => ({
	name,
	type: "integer" as const,
	description,
	cell: (controller: ReplicationController) => controller.status?.[field] ?? 0,
});

export const replicationControllerKind = defineKind<ReplicationController>({
	group: "",
	version: "v1",
	kind: "ReplicationController",
	plural: "replicationcontrollers",
	singular: "replicationcontroller",
	shortNames: ["rc"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "core/v1.ReplicationController",
	podTemplate: (controller) => controller.spec?.template,
	subresources: {
		status: statusSubresource,
		scale: {
			specReplicas: (controller) => controller.spec?.replicas ?? 0,
			setSpecReplicas(controller, replicas) {
				if (controller.spec) controller.spec.replicas = replicas;
			},
			statusReplicas: (controller) => controller.status?.replicas ?? 0,
			selector: (controller) => selectorFromSet(controller.spec?.selector).toString(),
		},
	},
	defaults,
	prepareCreate(controller) {
		startGeneration(controller);
		controller.status = { replicas: 0 };
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	warnings: (controller) => podWarnings(controller.spec?.template?.spec, controller.spec?.template?.metadata?.annotations, "spec.template."),
	columns: [
		{
			name: "Desired",
			type: "integer",
			description:
				"Replicas is the number of desired replicas. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
			cell: (controller) => controller.spec?.replicas ?? 0,
		},
		counter(
			"Current",
			"replicas",
			"Replicas is the most recently observed number of replicas. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
		),
		counter("Ready", "readyReplicas", "The number of ready replicas for this replication controller."),
		ageColumn,
		...workloadColumns<ReplicationController>(
			(controller) => controller.spec?.template,
			() => undefined,
			"",
		).filter(({ name }) => name !== "Selector"),
		{
			name: "Selector",
			type: "string",
			priority: 1,
			description:
				"Selector is a label query over pods that should match the Replicas count. If Selector is empty, it is defaulted to the labels present on the Pod template. Label keys and values that must match in order to be controlled by this replication controller, if empty defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
			cell: (controller) => formatLabels(controller.spec?.selector),
		},
	],
	selectableFields: { "status.replicas": (controller) => String(controller.status?.replicas ?? 0) },
	defaultPropagation: "Orphan",
});
