/** Rules that the kinds of admissionregistration.k8s.io share: pkg/apis/admissionregistration, its defaults and its validation. */
import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from "../errors/field-error.ts";
import { pathSegment, qualifiedName } from "../meta/name-rules.ts";
import type { LabelSelector, MatchCondition, MatchResources, NamedRuleWithOperations, RuleWithOperations } from "../schema/kubernetes.d.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { validateWith } from "./object-reference-validation.ts";

export const ADMISSION_GROUP = "admissionregistration.k8s.io";
export const REINVOCATION_POLICIES = ["IfNeeded", "Never"];
const FAILURE_POLICIES = ["Fail", "Ignore"];
const MATCH_POLICIES = ["Equivalent", "Exact"];
const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES = ["*", "Cluster", "Namespaced"];
const MATCH_CONDITIONS_MAX = 64;

/** Both policies where a client names none: fail when in doubt, and match what is equivalent. */
export function defaultMatching(target: { matchPolicy?: string; namespaceSelector?: LabelSelector; objectSelector?: LabelSelector }): void {
	target.matchPolicy ??= "Equivalent";
	target.namespaceSelector ??= {};
	target.objectSelector ??= {};
}

export function defaultRules(rules: readonly RuleWithOperations[] | undefined): void {
	for (const rule of rules ?? []) rule.scope ??= "*";
}

export function defaultMatchResources(resources: MatchResources | undefined): void {
	if (!resources) return;
	defaultMatching(resources);
	defaultRules(resources.resourceRules);
	defaultRules(resources.excludeResourceRules);
}

/** A list in which "*" stands alone. */
function validateWildcard(list: readonly string[] | undefined, path: string, others: string): FieldError[] {
	if (!list?.length) return [required(path)];
	return list.length > 1 && list.includes("*") ? [invalid(path, list, `if '*' is present, must not specify other ${others}`)] : [];
}

/** Resources with subresources: "pods", "pods/*", "*\/scale", "*", "*\/*". */
function validateResources(resources: readonly string[] | undefined, path: string): FieldError[] {
	if (!resources?.length) return [required(path)];
	const errors: FieldError[] = [];
	const wholeResources = new Set<string>();
	const wholeSubresources = new Set<string>();
	for (const [index, entry] of resources.entries()) {
		const at = `${path}[${index}]`;
		if (entry === "") errors.push(required(at));
		const slash = entry.indexOf("/");
		if (slash < 0) continue;
		const [resource, subresource] = [entry.slice(0, slash), entry.slice(slash + 1)];
		if (wholeResources.has(resource)) errors.push(invalid(at, entry, `if '${resource}/*' is present, must not specify ${entry}`));
		if (wholeSubresources.has(subresource)) errors.push(invalid(at, entry, `if '*/${subresource}' is present, must not specify ${entry}`));
		if (subresource === "*") wholeResources.add(resource);
		if (resource === "*") wholeSubresources.add(subresource);
	}
	if (resources.length > 1 && resources.includes("*/*")) errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
	if (resources.includes("*") && resources.some((entry) => entry !== "*" && entry !== "" && !entry.includes("/"))) {
		errors.push(invalid(path, resources, "if '*' is present, must not specify other resources without subresources"));
	}
	return errors;
}

export function validateRule(rule: RuleWithOperations, path: string): FieldError[] {
	const errors = validateWildcard(rule.operations, `${path}.operations`, "operations");
	for (const [index, operation] of (rule.operations ?? []).entries()) {
		if (!OPERATIONS.includes(operation)) errors.push(notSupported(`${path}.operations[${index}]`, operation, OPERATIONS));
	}
	errors.push(...validateWildcard(rule.apiGroups, `${path}.apiGroups`, "API groups"));
	errors.push(...validateWildcard(rule.apiVersions, `${path}.apiVersions`, "API versions"));
	for (const [index, version] of (rule.apiVersions ?? []).entries()) if (version === "") errors.push(required(`${path}.apiVersions[${index}]`));
	errors.push(...validateResources(rule.resources, `${path}.resources`));
	if (rule.scope !== undefined && !SCOPES.includes(rule.scope)) errors.push(notSupported(`${path}.scope`, rule.scope, SCOPES));
	return errors;
}

function validateNamedRule(rule: NamedRuleWithOperations, path: string): FieldError[] {
	const names = rule.resourceNames ?? [];
	const errors = names.flatMap((name, index) => {
		const at = `${path}.resourceNames[${index}]`;
		return [...pathSegment(name).map((problem) => invalid(at, name, problem)), ...(names.indexOf(name) < index ? [duplicate(at, name)] : [])];
	});
	return [...errors, ...validateRule(rule, path)];
}

export function validateFailurePolicy(policy: string | undefined, path: string): FieldError[] {
	return policy === undefined || FAILURE_POLICIES.includes(policy) ? [] : [notSupported(path, policy, FAILURE_POLICIES)];
}

export function validateMatchPolicy(policy: string | undefined, path: string): FieldError[] {
	return policy === undefined || MATCH_POLICIES.includes(policy) ? [] : [notSupported(path, policy, MATCH_POLICIES)];
}

export function validateMatchResources(resources: MatchResources | undefined, path: string): FieldError[] {
	if (!resources) return [];
	const errors = resources.matchPolicy === undefined ? [required(`${path}.matchPolicy`)] : validateMatchPolicy(resources.matchPolicy, `${path}.matchPolicy`);
	for (const field of ["namespaceSelector", "objectSelector"] as const) {
		const selector = resources[field];
		errors.push(...(selector ? validateLabelSelector(selector, `${path}.${field}`) : [required(`${path}.${field}`)]));
	}
	for (const field of ["resourceRules", "excludeResourceRules"] as const) {
		errors.push(...(resources[field] ?? []).flatMap((rule, index) => validateNamedRule(rule, `${path}.${field}[${index}]`)));
	}
	return errors;
}

/** Names and presence of conditions; what an expression says is found out when it is compiled. */
export function validateMatchConditions(conditions: readonly MatchCondition[] | undefined, path: string): FieldError[] {
	const all = conditions ?? [];
	const errors = all.length > MATCH_CONDITIONS_MAX ? [tooMany(path, all.length, MATCH_CONDITIONS_MAX)] : [];
	const names = new Set<string>();
	for (const [index, { name, expression }] of all.entries()) {
		const at = `${path}[${index}]`;
		if (!expression?.trim()) errors.push(required(`${at}.expression`));
		if (!name) errors.push(required(`${at}.name`));
		errors.push(...validateWith(qualifiedName, name, `${at}.name`));
		if (name && names.has(name)) errors.push(duplicate(`${at}.name`, name));
		names.add(name);
	}
	return errors;
}
