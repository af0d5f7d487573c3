/** Rules of a Job: ValidateJob and ValidateJobUpdate of pkg/apis/batch/validation. */
import { type FieldError, invalid, notSupported, required, tooLong } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label, dns1123Subdomain, FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type { Container, Job, JobSpec, PodTemplateSpec } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { generatedLabels } from "./job-selector.ts";
import { validatePodFailurePolicy, validateSuccessPolicy } from "./job-policy-validation.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { validateNonNegative, validatePodTemplate } from "./pod-template-validation.ts";

const INDEXED_PARALLELISM_MAX = 100_000;
const FAILED_INDEXES_MAX = 100_000;
/** Beyond FAILED_INDEXES_MAX completions, fewer of each are allowed with a back-off limit per index. */
const MANY_COMPLETIONS_PARALLELISM_MAX = 10_000;
const MANAGED_BY_BYTES_MAX = 63;

function validateNumbers(spec: JobSpec, path: string): FieldError[] {
	const fields = [
		"parallelism",
		"completions",
		"activeDeadlineSeconds",
		"backoffLimit",
		"ttlSecondsAfterFinished",
		"backoffLimitPerIndex",
		"maxFailedIndexes",
	] as const;
	const errors = validateNonNegative(Object.fromEntries(fields.map((field) => [`${path}.${field}`, spec[field]])));
	const { backoffLimitPerIndex, maxFailedIndexes, completions } = spec;
	if (backoffLimitPerIndex === undefined && maxFailedIndexes !== undefined) {
		errors.push(required(`${path}.backoffLimitPerIndex`, "when maxFailedIndexes is specified"));
	}
	if (maxFailedIndexes !== undefined) {
		if (completions !== undefined && maxFailedIndexes > completions)
			errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, "must be less than or equal to completions"));
		if (maxFailedIndexes > FAILED_INDEXES_MAX)
			errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${FAILED_INDEXES_MAX}`));
	}
	return errors;
}

function validateCompletionMode(spec: JobSpec, path: string): FieldError[] {
	const { completionMode: mode, completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec;
	if (mode === undefined) return [];
	if (mode !== "Indexed" && mode !== "NonIndexed") return [notSupported(`${path}.completionMode`, mode, ["Indexed", "NonIndexed"])];
	if (mode === "NonIndexed") {
		const only = (field: "backoffLimitPerIndex" | "maxFailedIndexes"): FieldError[] =>
			spec[field] === undefined ? [] : [invalid(`${path}.${field}`, spec[field], "requires indexed completion mode")];
		return [...only("backoffLimitPerIndex"), ...only("maxFailedIndexes")];
	}
	const errors: FieldError[] = completions === undefined ? [required(`${path}.completions`, "when completion mode is Indexed")] : [];
	if (parallelism > INDEXED_PARALLELISM_MAX)
		errors.push(invalid(`${path}.parallelism`, parallelism, `must be less than or equal to ${INDEXED_PARALLELISM_MAX} when completion mode is Indexed`));
	if (backoffLimitPerIndex === undefined || (completions ?? 0) <= FAILED_INDEXES_MAX) return errors;
	if (maxFailedIndexes === undefined) errors.push(required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${FAILED_INDEXES_MAX}`));
	else if (maxFailedIndexes > MANY_COMPLETIONS_PARALLELISM_MAX) {
		errors.push(
			invalid(
				`${path}.maxFailedIndexes`,
				maxFailedIndexes,
				`must be less than or equal to ${MANY_COMPLETIONS_PARALLELISM_MAX} when completions are above ${FAILED_INDEXES_MAX} and used with backoff limit per index`,
			),
		);
	}
	if (parallelism > MANY_COMPLETIONS_PARALLELISM_MAX) {
		errors.push(
			invalid(
				`${path}.parallelism`,
				parallelism,
				`must be less than or equal to ${MANY_COMPLETIONS_PARALLELISM_MAX} when completions are above ${FAILED_INDEXES_MAX} and used with backoff limit per index`,
			),
		);
	}
	return errors;
}

function validateManagedBy(managedBy: string | undefined, path: string): FieldError[] {
	if (managedBy === undefined) return [];
	const slash = managedBy.indexOf("/");
	const errors: FieldError[] = [];
	if (managedBy === "") return [required(path)];
	if (slash < 0 || slash === managedBy.length - 1) errors.push(invalid(path, managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")'));
	else errors.push(...dns1123Subdomain(managedBy.slice(0, slash)).map((problem) => invalid(path, managedBy.slice(0, slash), problem)));
	if (managedBy.length > MANAGED_BY_BYTES_MAX) errors.push(tooLong(path, MANAGED_BY_BYTES_MAX));
	return errors;
}

function validateReplacement(spec: JobSpec, path: string): FieldError[] {
	const policy = spec.podReplacementPolicy;
	const allowed = spec.podFailurePolicy ? ["Failed"] : ["Failed", "TerminatingOrFailed"];
	return policy === undefined || allowed.includes(policy) ? [] : [notSupported(`${path}.podReplacementPolicy`, policy, allowed)];
}

function validateRestartPolicy(template: PodTemplateSpec | undefined, path: string): FieldError[] {
	const policy = template?.spec?.restartPolicy ?? "";
	if (policy === "" || policy === "Always") return [required(path, 'valid values: "OnFailure", "Never"')];
	return policy === "OnFailure" || policy === "Never" ? [] : [notSupported(path, policy, ["OnFailure", "Never"])];
}

/** The rules of a Job's spec and, under `jobTemplate.spec`, of a CronJob's (validateJobSpec). */
export function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
	return [
		...validateNumbers(spec, path),
		...validateManagedBy(spec.managedBy, `${path}.managedBy`),
		...validateCompletionMode(spec, path),
		...validatePodFailurePolicy(spec, path),
		...validateSuccessPolicy(spec, path),
		...validateReplacement(spec, path),
		...validatePodTemplate(spec.template, `${path}.template`),
		...validateRestartPolicy(spec.template, `${path}.template.spec.restartPolicy`),
	];
}

function validateSelector(job: Job, spec: JobSpec): FieldError[] {
	if (!spec.selector) return [required("spec.selector")];
	const errors = validateLabelSelector(spec.selector, "spec.selector");
	if (errors.length > 0) return errors;
	const labels = spec.template?.metadata?.labels ?? {};
	if (!labelSelectorOf(spec.selector).matches(labels))
		errors.push(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
	return spec.manualSelector ? errors : [...errors, ...validateGeneratedSelector(job, spec, labels)];
}

function validateGeneratedSelector(job: Job, spec: JobSpec, labels: Record<string, string>): FieldError[] {
	const expected = generatedLabels(job);
	const errors = Object.entries(expected).flatMap(([key, value]): FieldError[] => {
		const at = "spec.template.metadata.labels";
		if (labels[key] === undefined) return [required(`${at}[${key}]`, `must be '${value}'`)];
		return labels[key] === value ? [] : [invalid(at, labels, `must be '${value}'`)];
	});
	if (!labelSelectorOf(spec.selector).matches(expected)) errors.push(invalid("spec.selector", spec.selector, "`selector` not auto-generated"));
	return errors;
}

function validateIndexedName({ metadata, spec }: Job): FieldError[] {
	const completions = spec?.completions ?? 0;
	if (spec?.completionMode !== "Indexed" || completions === 0) return [];
	const longest = `${metadata.name}-${completions - 1}`;
	return dns1123Label(longest).length === 0 ? [] : [invalid("metadata.name", metadata.name, `will not able to create pod with invalid DNS label: ${longest}`)];
}

export function validateJob(job: Job): FieldError[] {
	if (!job.spec) return [required("spec.selector")];
	return [...validateSelector(job, job.spec), ...validateJobSpec(job.spec, "spec"), ...(job.metadata.resourceVersion ? [] : validateIndexedName(job))];
}

/** Where a suspended Job's pods go and what their containers ask for may change while none is there (KEP-2926, KEP-5440). */
function withoutDirectives(template: PodTemplateSpec | undefined, other: PodTemplateSpec | undefined): PodTemplateSpec {
	const made = structuredClone(template ?? {});
	made.metadata = structuredClone(other?.metadata);
	if (!made.spec) return made;
	copyResources(made.spec.containers, other?.spec?.containers);
	copyResources(made.spec.initContainers, other?.spec?.initContainers);
	made.spec.nodeSelector = other?.spec?.nodeSelector;
	made.spec.tolerations = other?.spec?.tolerations;
	made.spec.schedulingGates = other?.spec?.schedulingGates;
	made.spec.affinity = { ...made.spec.affinity, nodeAffinity: other?.spec?.affinity?.nodeAffinity };
	if (Object.values(made.spec.affinity).every((part) => part === undefined)) made.spec.affinity = other?.spec?.affinity;
	return made;
}

function copyResources(containers: Container[] = [], others: Container[] = []): void {
	if (containers.length !== others.length) return;
	for (const [index, container] of containers.entries()) container.resources = others[index]?.resources;
}

const isSuspended = (job: Job): boolean => job.status?.conditions?.some(({ type, status }) => type === "Suspended" && status === "True") ?? false;

export function validateJobUpdate(next: Job, old: Job): FieldError[] {
	const [spec, before] = [next.spec as JobSpec, old.spec as JobSpec];
	const fixed = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy", "manualSelector"] as const;
	const errors = fixed.flatMap((field) => (semanticEqual(spec[field], before[field]) ? [] : [invalid(`spec.${field}`, spec[field], FIELD_IMMUTABLE)]));
	const directed = before.suspend === true && !old.status?.active && (old.status?.startTime === undefined || isSuspended(old));
	const template = directed ? withoutDirectives(spec.template, before.template) : spec.template;
	if (!semanticEqual(template, before.template)) errors.push(invalid("spec.template", spec.template, FIELD_IMMUTABLE));
	return [...errors, ...validateCompletionsUpdate(spec, before)];
}

/** An Indexed Job may grow and shrink as long as its completions and its parallelism are one number. */
function validateCompletionsUpdate(spec: JobSpec, before: JobSpec): FieldError[] {
	if (spec.completions === before.completions) return [];
	if (before.completionMode !== "Indexed") return [invalid("spec.completions", spec.completions, FIELD_IMMUTABLE)];
	if (before.completions === before.parallelism && spec.completions !== undefined && spec.completions === spec.parallelism) return [];
	return [invalid("spec.completions", spec.completions, "can only be modified in tandem with spec.parallelism")];
}
