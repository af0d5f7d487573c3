/**
 * ResourceQuota: refuses what would use more than the namespace's quotas allow (k8s.io/apiserver/pkg/admission/plugin/resourcequota).
 * It decides inside the transaction that commits the object, and the commit itself moves status.used: no two writes can
 * pass by the same remainder.
 */
import { plainError } from "../../errors/status-error.ts";
import { resourceOf } from "../../kinds/define-kind.ts";
import type { KubeObject } from "../../meta/object.ts";
import { compareQuantities } from "../../quantity/quantity.ts";
import type { QuotaEvaluator } from "../../quota/evaluator.ts";
import { evaluatorOf } from "../../quota/evaluators.ts";
import { addLists, listText, maskList, subtractLists, withoutNegatives, withoutZeros } from "../../quota/quantities.ts";
import { type Quantities, quantitiesOf } from "../pod-resources.ts";
import { isInScope, scopesOf } from "../../quota/quota-usage.ts";
import type { ResourceQuota, ScopedResourceSelectorRequirement } from "../../schema/kubernetes.d.ts";
import type { LimitedResource } from "../configuration.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";

/** The quotas that count the object, each with the resources it counts. */
function concerned(request: AdmissionRequest, quotas: readonly ResourceQuota[], evaluator: QuotaEvaluator): { quota: ResourceQuota; names: string[] }[] {
	return quotas.flatMap((quota) => {
		const name = quota.metadata.name ?? "";
		const names = evaluator.matching(Object.keys(quota.status?.hard ?? quota.spec?.hard ?? {}));
		if (names.length === 0 || !isInScope(quota, evaluator, request.object)) return [];
		const problem = evaluator.problem?.(names, request.object);
		if (problem !== undefined) throw refuse(request, `failed quota: ${name}: ${problem}`);
		if (names.some((one) => quota.status?.used?.[one] === undefined)) {
			throw refuse(request, `status unknown for quota: ${name}, resources: ${names.sort().join(",")}`);
		}
		return [{ quota, names }];
	});
}

/** What the write adds to what is used. */
function addedUsage(request: AdmissionRequest, evaluator: QuotaEvaluator): Quantities {
	const usage = evaluator.usage(request.object, request.ctx.nowMs);
	const negative = [...usage].filter(([, { nano }]) => nano < 0n).map(([name]) => name);
	if (negative.length > 0) throw refuse(request, `quota usage is negative for resource(s): ${negative.sort().join(",")}`);
	if (request.old === undefined) return withoutZeros(usage);
	const added = subtractLists(usage, evaluator.usage(request.old, request.ctx.nowMs));
	return withoutZeros(evaluator.shrinks ? added : withoutNegatives(added));
}

function checkQuota(request: AdmissionRequest, quota: ResourceQuota, added: Quantities): void {
	const hard = quantitiesOf(quota.status?.hard);
	const used = quantitiesOf(quota.status?.used);
	const requested = maskList(added, hard.keys());
	const after = maskList(addLists(used, requested), requested.keys());
	const exceeded = [...after].filter(([name, quantity]) => compareQuantities(quantity, hard.get(name) ?? quantity) > 0).map(([name]) => name);
	if (exceeded.length === 0) return;
	const text = (list: Quantities): string => listText(maskList(list, exceeded));
	throw refuse(request, `exceeded quota: ${quota.metadata.name}, requested: ${text(requested)}, used: ${text(used)}, limited: ${text(hard)}`);
}

const isLimited = ({ apiGroup, resource }: LimitedResource, request: AdmissionRequest): boolean =>
	apiGroup === request.kind.group && resource === request.kind.plural;

/** The resources that the configuration lets nobody use without a quota, of those that the write uses. */
function limitedNames(request: AdmissionRequest, limited: readonly LimitedResource[], evaluator: QuotaEvaluator): string[] {
	const parts = limited.filter((one) => isLimited(one, request)).flatMap(({ matchContains }) => matchContains);
	if (parts.length === 0) return [];
	const used = [...evaluator.usage(request.object, request.ctx.nowMs)].filter(([, { nano }]) => nano > 0n).map(([name]) => name);
	return used.filter((name) => parts.some((part) => name.includes(part)));
}

/** As Go prints the requirements. */
const scopesText = (scopes: readonly ScopedResourceSelectorRequirement[]): string =>
	`[${scopes.map(({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(" ")}]}`).join(" ")}]`;

function checkScopesCovered(object: KubeObject, limited: readonly LimitedResource[], quotas: readonly ResourceQuota[], evaluator: QuotaEvaluator): void {
	const matching = (scopes: readonly ScopedResourceSelectorRequirement[]) => scopes.filter((scope) => evaluator.matchesScope(scope, object));
	const covered = new Set(quotas.flatMap((quota) => matching(scopesOf(quota))).map(({ scopeName }) => scopeName));
	const uncovered = limited.flatMap(({ matchScopes }) => matching(matchScopes)).filter(({ scopeName }) => !covered.has(scopeName));
	if (uncovered.length > 0) throw plainError(`insufficient quota to match these scopes: ${scopesText(uncovered)}`);
}

export const resourceQuota: AdmissionPlugin = {
	name: "ResourceQuota",
	resources: "*",
	operations: ["CREATE", "UPDATE"],
	subresources: ["", "resize"],
	validate(request: AdmissionRequest, view: AdmissionView): void {
		if (request.namespace === "") return;
		const quotas = view.list<ResourceQuota>("resourcequotas");
		const limited = view.configuration.limitedResources;
		if (quotas.length === 0 && limited.length === 0) return;
		const evaluator = evaluatorOf(resourceOf(request.kind));
		if (!evaluator?.handles(request.operation, request.subresource)) return;
		const found = concerned(request, quotas, evaluator);
		const added = addedUsage(request, evaluator);
		if (added.size === 0) return;
		const counted = new Set(found.flatMap(({ names }) => names));
		const uncovered = limitedNames(request, limited, evaluator).filter((name) => !counted.has(name));
		if (uncovered.length > 0) throw refuse(request, `insufficient quota to consume: ${uncovered.sort().join(",")}`);
		checkScopesCovered(request.object, limited, quotas, evaluator);
		for (const { quota } of found) checkQuota(request, quota, added);
	},
};
