/** ResourceQuota: pkg/registry/core/resourcequota, ValidateResourceQuota. */
import { type FieldError, invalid, notSupported } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type { ResourceQuota } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateQuotaResource } from "./resource-validation.ts";
import { keepStatus, statusSubresource } from "./strategy.ts";

const SCOPES = ["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity", "VolumeAttributesClass"];
const OPPOSITES: readonly [string, string][] = [
	["BestEffort", "NotBestEffort"],
	["Terminating", "NotTerminating"],
];

function validateScopes(quota: ResourceQuota): FieldError[] {
	const scopes = quota.spec?.scopes ?? [];
	const errors = scopes.filter((s) => !SCOPES.includes(s)).map((s) => invalid("spec.scopes", s, "unsupported scope"));
	for (const [one, other] of OPPOSITES) {
		if (scopes.includes(one) && scopes.includes(other)) errors.push(invalid("spec.scopes", scopes, "conflicting scopes"));
	}
	for (const [index, { operator, values = [] }] of (quota.spec?.scopeSelector?.matchExpressions ?? []).entries()) {
		const path = `spec.scopeSelector.matchExpressions[${index}]`;
		const operators = ["In", "NotIn", "Exists", "DoesNotExist"];
		if (!operators.includes(operator)) errors.push(notSupported(`${path}.operator`, operator, operators));
		else if (operator.endsWith("n") && values.length === 0) {
			errors.push(invalid(`${path}.values`, values, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
		} else if (!operator.endsWith("n") && values.length > 0) {
			errors.push(invalid(`${path}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"));
		}
	}
	return errors;
}

function validate(quota: ResourceQuota): FieldError[] {
	const errors = Object.entries(quota.spec?.hard ?? {}).flatMap(([name, value]) => validateQuotaResource(name, value, `spec.hard[${name}]`));
	return [...errors, ...validateScopes(quota)];
}

/** "name: used/hard" of the limits, or of all else. */
function usage(quota: ResourceQuota, limits: boolean): string {
	return Object.entries(quota.status?.hard ?? {})
		.filter(([name]) => name.startsWith("limits") === limits)
		.map(([name, hard]) => `${name}: ${quota.status?.used?.[name] ?? "0"}/${hard}`)
		.sort()
		.join(", ");
}

export const resourceQuotaKind = defineKind<ResourceQuota>({
	group: "",
	version: "v1",
	kind: "ResourceQuota",
	plural: "resourcequotas",
	singular: "resourcequota",
	shortNames: ["quota"],
	scope: "Namespaced",
	schema: "core/v1.ResourceQuota",
	subresources: { status: statusSubresource },
	prepareCreate(quota) {
		delete quota.status;
	},
	prepareUpdate: keepStatus,
	validate,
	validateUpdate(next, old) {
		const scopes = (quota: ResourceQuota): string[] => [...(quota.spec?.scopes ?? [])].sort();
		return semanticEqual(scopes(next), scopes(old)) ? [] : [invalid("spec.scopes", next.spec?.scopes ?? null, FIELD_IMMUTABLE)];
	},
	columns: [
		{
			name: "Request",
			type: "string",
			description: "Request represents a minimum amount of cpu/memory that a container may consume.",
			cell: (quota) => usage(quota, false),
		},
		{
			name: "Limit",
			type: "string",
			description: "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
			cell: (quota) => usage(quota, true),
		},
		ageColumn,
	],
});
