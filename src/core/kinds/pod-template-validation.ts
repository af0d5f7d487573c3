/** Rules of the pod templates of workloads: ValidatePodTemplateSpecForReplicaSet of pkg/apis/apps/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { NON_NEGATIVE_ERROR } from "../meta/name-rules.ts";
import { validateAnnotations, validateLabels } from "../meta/object-meta-validation.ts";
import type { LabelSelector, PodTemplateSpec } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { isEmptySelector, validateLabelSelector } from "./label-selector-validation.ts";
import { validatePodSpec } from "./pod-spec-validation.ts";

/** A template of any kind: its labels, annotations and pod spec. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, path: string): FieldError[] {
	if (!template) return [required(path)];
	const { labels, annotations } = template.metadata ?? {};
	const errors = [
		...validateLabels(labels, `${path}.labels`),
		...validateAnnotations(annotations, `${path}.annotations`),
		...validatePodSpec(template.spec ?? { containers: [] }, `${path}.spec`),
	];
	if (template.spec?.ephemeralContainers?.length) {
		errors.push(forbidden(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"));
	}
	return errors;
}

export type ServingKind = "deployment" | "replicaset" | "statefulset" | "daemonset";
/** As upstream's messages write it: a Deployment's template is checked as a ReplicaSet's. */
const DEADLINE_KIND: Record<ServingKind, string> = { deployment: "ReplicaSet", replicaset: "ReplicaSet", statefulset: "StatefulSet", daemonset: "DaemonSet" };

/** The template and the selector of a workload whose pods run for ever. `kind` as upstream's message names it. */
export function validateServingTemplate(spec: { selector?: LabelSelector; template?: PodTemplateSpec } | undefined, kind: ServingKind): FieldError[] {
	const errors: FieldError[] = [];
	const selector = spec?.selector;
	const selectorErrors = validateLabelSelector(selector, "spec.selector");
	if (!selector) errors.push(required("spec.selector"));
	else {
		errors.push(...selectorErrors);
		if (isEmptySelector(selector)) errors.push(invalid("spec.selector", selector, `empty selector is invalid for ${kind}`));
	}
	const template = spec?.template;
	if (selector && selectorErrors.length > 0) return [...errors, invalid("spec.selector", selector, "invalid label selector")];
	if (!template) return [...errors, required("spec.template")];
	if (!labelSelectorOf(selector).matches(template.metadata?.labels)) {
		errors.push(invalid("spec.template.metadata.labels", template.metadata?.labels ?? null, "`selector` does not match template `labels`"));
	}
	errors.push(...validatePodTemplate(template, "spec.template"));
	const restartPolicy = template.spec?.restartPolicy;
	if (restartPolicy !== "Always") errors.push(notSupported("spec.template.spec.restartPolicy", restartPolicy ?? "", ["Always"]));
	if (template.spec?.activeDeadlineSeconds !== undefined) {
		errors.push(forbidden("spec.template.spec.activeDeadlineSeconds", `activeDeadlineSeconds in ${DEADLINE_KIND[kind]} is not Supported`));
	}
	return errors;
}

/** ValidateNonnegativeField for each of the named numbers that is there. */
export function validateNonNegative(values: Record<string, number | undefined>): FieldError[] {
	return Object.entries(values).flatMap(([path, value]) => (value !== undefined && value < 0 ? [invalid(path, value, NON_NEGATIVE_ERROR)] : []));
}
