/** Rules of where a pod may go: tolerations, affinity, spread and gates, of pkg/apis/core/validation. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from "../meta/name-rules.ts";
import { validateLabelName, validateLabels } from "../meta/object-meta-validation.ts";
import type {
	NodeAffinity,
	NodeSelector,
	NodeSelectorRequirement,
	NodeSelectorTerm,
	PodAffinity,
	PodAffinityTerm,
	PodSpec,
	Toleration,
} from "../schema/kubernetes.d.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { validateTaintEffect } from "./taint-validation.ts";

const WEIGHT_MAX = 100;
const WEIGHT_ERROR = "must be in the range 1-100";
const WHEN_UNSATISFIABLE = ["DoNotSchedule", "ScheduleAnyway"];
const INCLUSION = ["Honor", "Ignore"];

export function validateTolerations(tolerations: readonly Toleration[], path: string): FieldError[] {
	const errors: FieldError[] = [];
	for (const [index, toleration] of tolerations.entries()) {
		const at = `${path}[${index}]`;
		const { key, operator = "", value = "", effect } = toleration;
		if (key) errors.push(...validateLabelName(key, `${at}.key`));
		else if (operator !== "Exists") {
			errors.push(invalid(`${at}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'));
		}
		if (toleration.tolerationSeconds !== undefined && effect !== "NoExecute") {
			errors.push(invalid(`${at}.effect`, effect ?? "", "effect must be 'NoExecute' when `tolerationSeconds` is set"));
		}
		if (operator === "Equal" || operator === "") {
			const [problem] = labelValue(value);
			if (problem) errors.push(invalid(`${at}.operator`, value, problem));
		} else if (operator === "Exists") {
			if (value !== "") errors.push(invalid(`${at}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
		} else errors.push(notSupported(`${at}.operator`, operator, ["Equal", "Exists"]));
		if (effect) errors.push(...validateTaintEffect(effect, true, `${at}.effect`));
	}
	return errors;
}

function validateNodeExpression({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (operator === "In" || operator === "NotIn") {
		if (values.length === 0) errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
	} else if (operator === "Exists" || operator === "DoesNotExist") {
		if (values.length > 0) errors.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
	} else if (operator === "Gt" || operator === "Lt") {
		if (values.length !== 1) errors.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
	} else errors.push(invalid(`${path}.operator`, operator, "not a valid selector operator"));
	for (const [index, value] of values.entries()) {
		for (const problem of labelValue(value)) errors.push(invalid(`${path}.values[${index}]`, value, problem));
	}
	return [...errors, ...validateLabelName(key, `${path}.key`)];
}

function validateNodeField({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (operator !== "In" && operator !== "NotIn") errors.push(invalid(`${path}.operator`, operator, "not a valid selector operator"));
	else if (values.length !== 1) errors.push(required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
	if (key !== "metadata.name") return [...errors, invalid(`${path}.key`, key, "not a valid field selector key")];
	for (const [index, value] of values.entries()) {
		for (const problem of dns1123Subdomain(value)) errors.push(invalid(`${path}.values[${index}]`, value, problem));
	}
	return errors;
}

function validateNodeTerm(term: NodeSelectorTerm, path: string): FieldError[] {
	return [
		...(term.matchExpressions ?? []).flatMap((e, i) => validateNodeExpression(e, `${path}.matchExpressions[${i}]`)),
		...(term.matchFields ?? []).flatMap((e, i) => validateNodeField(e, `${path}.matchFields[${i}]`)),
	];
}

/** ValidateNodeSelector: at least one term, and each in order. */
export function validateNodeSelector(selector: NodeSelector, path: string): FieldError[] {
	const at = `${path}.nodeSelectorTerms`;
	const terms = selector.nodeSelectorTerms ?? [];
	if (terms.length === 0) return [required(at, "must have at least one node selector term")];
	return terms.flatMap((term, i) => validateNodeTerm(term, `${at}[${i}]`));
}

export function validateNodeAffinity(affinity: NodeAffinity | undefined, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const needed = affinity?.requiredDuringSchedulingIgnoredDuringExecution;
	if (needed) errors.push(...validateNodeSelector(needed, `${path}.requiredDuringSchedulingIgnoredDuringExecution`));
	for (const [index, { weight, preference }] of (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
		const at = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
		if (!(weight >= 1 && weight <= WEIGHT_MAX)) errors.push(invalid(`${at}.weight`, weight ?? 0, WEIGHT_ERROR));
		errors.push(...validateNodeTerm(preference ?? {}, `${at}.preference`));
	}
	return errors;
}

function validatePodTerm(term: PodAffinityTerm, path: string): FieldError[] {
	const errors = [
		...validateLabelSelector(term.labelSelector, `${path}.labelSelector`),
		...validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`),
	];
	for (const name of term.namespaces ?? []) for (const problem of dns1123Label(name)) errors.push(invalid(`${path}.namespace`, name, problem));
	if (!term.topologyKey) errors.push(required(`${path}.topologyKey`, "can not be empty"));
	return [...errors, ...validateLabelName(term.topologyKey ?? "", `${path}.topologyKey`)];
}

function validatePodAffinity(affinity: PodAffinity | undefined, path: string): FieldError[] {
	const needed = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
	const errors = needed.flatMap((term, i) => validatePodTerm(term, `${path}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`));
	for (const [index, { weight, podAffinityTerm }] of (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
		const at = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
		if (!(weight >= 1 && weight <= WEIGHT_MAX)) errors.push(invalid(`${at}.weight`, weight ?? 0, WEIGHT_ERROR));
		errors.push(...validatePodTerm(podAffinityTerm, `${at}.podAffinityTerm`));
	}
	return errors;
}

function validateSpread(spec: PodSpec, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const seen = new Set<string>();
	for (const [index, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
		const at = `${path}[${index}]`;
		const { topologyKey, whenUnsatisfiable, maxSkew, minDomains } = constraint;
		if (!(maxSkew > 0)) errors.push(invalid(`${at}.maxSkew`, maxSkew ?? 0, "must be greater than zero"));
		if (!topologyKey) errors.push(required(`${at}.topologyKey`, "can not be empty"));
		else errors.push(...validateLabelName(topologyKey, `${at}.topologyKey`));
		if (!WHEN_UNSATISFIABLE.includes(whenUnsatisfiable)) errors.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? "", WHEN_UNSATISFIABLE));
		const identity = JSON.stringify([topologyKey, whenUnsatisfiable]);
		if (seen.has(identity)) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`));
		seen.add(identity);
		if (minDomains !== undefined && minDomains <= 0) errors.push(invalid(`${at}.minDomains`, minDomains, "must be greater than zero"));
		if (minDomains !== undefined && whenUnsatisfiable !== "DoNotSchedule") {
			const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
			errors.push(invalid(`${at}.minDomains`, minDomains, detail));
		}
		for (const field of ["nodeAffinityPolicy", "nodeTaintsPolicy"] as const) {
			const value = constraint[field];
			if (value !== undefined && !INCLUSION.includes(value)) errors.push(notSupported(`${at}.${field}`, value, INCLUSION));
		}
		errors.push(...validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`));
	}
	return errors;
}

function validateGates(spec: PodSpec, path: string): FieldError[] {
	const gates = spec.schedulingGates ?? [];
	const errors: FieldError[] = [];
	if (gates.length > 0 && spec.nodeName) errors.push(forbidden(`${path}.nodeName`, "cannot be set until all schedulingGates have been cleared"));
	const seen = new Set<string>();
	for (const [index, { name }] of gates.entries()) {
		const at = `${path}.schedulingGates[${index}]`;
		for (const problem of qualifiedName(name ?? "")) errors.push(invalid(at, name ?? "", problem));
		if (seen.has(name)) errors.push(duplicate(at, name));
		seen.add(name);
	}
	return errors;
}

/** Everything in a pod spec that the scheduler reads, but its resources. */
export function validateScheduling(spec: PodSpec, path: string): FieldError[] {
	return [
		...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
		...validateNodeAffinity(spec.affinity?.nodeAffinity, `${path}.affinity.nodeAffinity`),
		...validatePodAffinity(spec.affinity?.podAffinity, `${path}.affinity.podAffinity`),
		...validatePodAffinity(spec.affinity?.podAntiAffinity, `${path}.affinity.podAntiAffinity`),
		...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
		...validateSpread(spec, `${path}.topologySpreadConstraints`),
		...validateGates(spec, path),
	];
}
