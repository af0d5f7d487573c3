/** What a ResourceQuota's namespace uses of it: counted anew, or by what a change adds (k8s.io/kubernetes/pkg/controller/resourcequota). */
import type { KubeObject, ResourceName } from "../meta/object.ts";
import { ZERO_QUANTITY } from "../quantity/quantity.ts";
import type { ResourceQuota, ScopedResourceSelectorRequirement } from "../schema/kubernetes.d.ts";
import type { QuotaEvaluator } from "./evaluator.ts";
import { evaluatorOf } from "./evaluators.ts";
import { type Quantities, quantitiesOf } from "../admission/pod-resources.ts";
import { addLists, maskList, subtractLists, withoutNegatives, withoutZeros, writeList } from "./quantities.ts";

const COUNT_PREFIX = "count/";

/** scopes and scopeSelector say the same thing in two ways. */
export function scopesOf({ spec }: ResourceQuota): ScopedResourceSelectorRequirement[] {
	const plain = (spec?.scopes ?? []).map((scopeName): ScopedResourceSelectorRequirement => ({ scopeName, operator: "Exists" }));
	return [...plain, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}

export const isInScope = (quota: ResourceQuota, evaluator: QuotaEvaluator, object: KubeObject): boolean =>
	scopesOf(quota).every((scope) => evaluator.matchesScope(scope, object));

function usageIn(quota: ResourceQuota, evaluator: QuotaEvaluator, object: KubeObject | undefined, names: readonly string[], nowMs: number): Quantities {
	if (object === undefined || !isInScope(quota, evaluator, object)) return new Map();
	return maskList(evaluator.usage(object, nowMs), names);
}

export interface QuotaStatus {
	hard: Record<string, string>;
	used: Record<string, string>;
}

/** The status by all that there is; `resources` are the namespace's collections. */
export function countUsage(
	quota: ResourceQuota,
	resources: readonly ResourceName[],
	list: (resource: ResourceName) => readonly KubeObject[],
	nowMs: number,
): QuotaStatus {
	const hard = quota.spec?.hard ?? {};
	const hardNames = Object.keys(hard);
	// A kind that is not there yet has no objects.
	let used: Quantities = new Map(hardNames.filter((name) => name.startsWith(COUNT_PREFIX)).map((name) => [name, ZERO_QUANTITY]));
	for (const resource of resources) {
		const evaluator = evaluatorOf(resource);
		const names = evaluator?.matching(hardNames) ?? [];
		if (evaluator === undefined || names.length === 0) continue;
		for (const name of names) if (!used.has(name)) used.set(name, ZERO_QUANTITY);
		for (const object of list(resource)) used = addLists(used, usageIn(quota, evaluator, object, names, nowMs));
	}
	return { hard: { ...hard }, used: writeList(used) };
}

/** The status after one object's change; undefined when the change is none to the quota. */
export function usageAfter(
	quota: ResourceQuota,
	resource: ResourceName,
	old: KubeObject | undefined,
	next: KubeObject | undefined,
	nowMs: number,
): QuotaStatus | undefined {
	const evaluator = evaluatorOf(resource);
	const names = evaluator?.matching(Object.keys(quota.status?.hard ?? {})) ?? [];
	if (evaluator === undefined || names.length === 0) return undefined;
	const before = usageIn(quota, evaluator, old, names, nowMs);
	const change = withoutZeros(subtractLists(usageIn(quota, evaluator, next, names, nowMs), before));
	if (change.size === 0) return undefined;
	const used = withoutNegatives(addLists(quantitiesOf(quota.status?.used), change));
	return { hard: quota.status?.hard ?? {}, used: writeList(used) };
}
