/** Matching and comparing single RBAC rules (k8s.io/kubernetes/pkg/apis/rbac/v1 evaluation helpers, component-helpers rbac validation). */
import type { PolicyRule } from "../schema/kubernetes.d.ts";
import { type Attributes, isPathRequest } from "./attributes.ts";

const ALL = "*";

function resourceMatches(rule: PolicyRule, resource: string, subresource: string): boolean {
	const combined = subresource === "" ? resource : `${resource}/${subresource}`;
	return (rule.resources ?? []).some((r) => r === ALL || r === combined || (subresource !== "" && r === `*/${subresource}`));
}

const pathMatches = (rule: PolicyRule, path: string): boolean =>
	(rule.nonResourceURLs ?? []).some((url) => url === ALL || url === path || (url.endsWith("*") && path.startsWith(url.replace(/\*+$/, ""))));

const verbMatches = (rule: PolicyRule, verb: string): boolean => rule.verbs.some((v) => v === ALL || v === verb);

/** Whether the rule allows what is asked. */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
	if (!verbMatches(rule, attributes.verb)) return false;
	if (isPathRequest(attributes)) return pathMatches(rule, attributes.path);
	const names = rule.resourceNames ?? [];
	return (
		(rule.apiGroups ?? []).some((g) => g === ALL || g === attributes.group) &&
		resourceMatches(rule, attributes.resource, attributes.subresource) &&
		(names.length === 0 || names.includes(attributes.name))
	);
}

/** The rule as one rule for each verb, group, resource and name (BreakdownRule). */
function breakdown(rule: PolicyRule): PolicyRule[] {
	const parts: PolicyRule[] = [];
	for (const group of rule.apiGroups ?? []) {
		for (const resource of rule.resources ?? []) {
			for (const verb of rule.verbs) {
				const part = { verbs: [verb], apiGroups: [group], resources: [resource] };
				const names = rule.resourceNames ?? [];
				if (names.length === 0) parts.push(part);
				else parts.push(...names.map((name) => ({ ...part, resourceNames: [name] })));
			}
		}
	}
	for (const url of rule.nonResourceURLs ?? []) parts.push(...rule.verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })));
	return parts;
}

const hasAll = (owned: readonly string[], asked: readonly string[]): boolean => owned.includes(ALL) || asked.every((a) => owned.includes(a));

function resourcesCover(owned: readonly string[], asked: readonly string[]): boolean {
	if (owned.includes(ALL)) return true;
	return asked.every((resource) => {
		const slash = resource.indexOf("/");
		return owned.includes(resource) || (slash >= 0 && owned.includes(`*${resource.slice(slash)}`));
	});
}

const pathsCover = (owned: readonly string[], asked: readonly string[]): boolean =>
	asked.every((path) => owned.some((url) => url === ALL || url === path || (url.endsWith("*") && path.startsWith(url.replace(/\*+$/, "")))));

function ruleCovers(owned: PolicyRule, asked: PolicyRule): boolean {
	const ownedNames = owned.resourceNames ?? [];
	const askedNames = asked.resourceNames ?? [];
	const namesCover = ownedNames.length === 0 || (askedNames.length > 0 && askedNames.every((n) => ownedNames.includes(n)));
	return (
		hasAll(owned.verbs, asked.verbs) &&
		hasAll(owned.apiGroups ?? [], asked.apiGroups ?? []) &&
		resourcesCover(owned.resources ?? [], asked.resources ?? []) &&
		pathsCover(owned.nonResourceURLs ?? [], asked.nonResourceURLs ?? []) &&
		namesCover
	);
}

/** The parts of `asked` that no rule of `owned` covers; none when everything is covered. */
export function uncoveredRules(owned: readonly PolicyRule[], asked: readonly PolicyRule[]): PolicyRule[] {
	return asked.flatMap(breakdown).filter((part) => !owned.some((rule) => ruleCovers(rule, part)));
}

/** Whether whoever holds `owned` may hand out `asked` (validation.Covers). */
export const rulesCover = (owned: readonly PolicyRule[], asked: readonly PolicyRule[]): boolean => uncoveredRules(owned, asked).length === 0;

/** Joins rules of one group, one resource and the same names into one with all their verbs (CompactRules). */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
	const joined = new Map<string, PolicyRule>();
	const compact: PolicyRule[] = [];
	for (const rule of rules) {
		const isSimple = rule.apiGroups?.length === 1 && rule.resources?.length === 1 && (rule.nonResourceURLs ?? []).length === 0;
		const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames ?? []]);
		const known = isSimple ? joined.get(key) : undefined;
		if (known) {
			known.verbs = [...new Set([...known.verbs, ...rule.verbs])];
		} else {
			const copy = { ...rule, verbs: [...rule.verbs] };
			if (isSimple) joined.set(key, copy);
			compact.push(copy);
		}
	}
	return compact;
}

/** A list of strings as Go's %q prints it. */
export const quotedList = (values: readonly string[]): string => `[${values.map((v) => JSON.stringify(v)).join(" ")}]`;

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function ruleText(rule: PolicyRule): string {
	const parts: string[] = [];
	const add = (name: string, values: readonly string[] | undefined): void => {
		if (values !== undefined && values.length > 0) parts.push(`${name}:${quotedList(values)}`);
	};
	add("APIGroups", rule.apiGroups);
	add("Resources", rule.resources);
	add("NonResourceURLs", rule.nonResourceURLs);
	add("ResourceNames", rule.resourceNames);
	add("Verbs", rule.verbs);
	return `{${parts.join(", ")}}`;
}
