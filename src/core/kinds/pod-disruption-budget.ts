/** PodDisruptionBudget: pkg/registry/policy/poddisruptionbudget, pkg/apis/policy/validation. */
import { type FieldError, invalid, notSupported } from "../errors/field-error.ts";
import { percent } from "../meta/name-rules.ts";
import type { PodDisruptionBudget } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { validateConditions } from "./condition-validation.ts";
import { defineKind } from "./define-kind.ts";
import { validateIntOrPercent } from "./deployment-validation.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { validateNonNegative } from "./pod-template-validation.ts";
import { prepareSpecUpdate, statusSubresource } from "./strategy.ts";

const PERCENT_MAX = 100;
const EVICTION_POLICIES = ["AlwaysAllow", "IfHealthyBudget"];

function validateShare(share: number | string | undefined, path: string): FieldError[] {
	if (share === undefined) return [];
	const errors = validateIntOrPercent(share, path);
	if (typeof share === "string" && percent(share).length === 0 && Number.parseInt(share, 10) > PERCENT_MAX) {
		errors.push(invalid(path, share, "must not be greater than 100%"));
	}
	return errors;
}

function validate({ spec = {} }: PodDisruptionBudget): FieldError[] {
	const errors: FieldError[] = [];
	if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
		errors.push(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
	}
	errors.push(...validateShare(spec.minAvailable, "spec.minAvailable"), ...validateShare(spec.maxUnavailable, "spec.maxUnavailable"));
	errors.push(...validateLabelSelector(spec.selector, "spec.selector"));
	const policy = spec.unhealthyPodEvictionPolicy;
	if (policy !== undefined && !EVICTION_POLICIES.includes(policy)) errors.push(notSupported("spec.unhealthyPodEvictionPolicy", policy, EVICTION_POLICIES));
	return errors;
}

const validateStatus = ({ status }: PodDisruptionBudget): FieldError[] => [
	...validateConditions(status?.conditions, "status.conditions"),
	...validateNonNegative({
		"status.disruptionsAllowed": status?.disruptionsAllowed,
		"status.currentHealthy": status?.currentHealthy,
		"status.desiredHealthy": status?.desiredHealthy,
		"status.expectedPods": status?.expectedPods,
	}),
];

const shown = (share: number | string | undefined): string => (share === undefined ? "N/A" : String(share));

export const podDisruptionBudgetKind = defineKind<PodDisruptionBudget>({
	group: "policy",
	version: "v1",
	kind: "PodDisruptionBudget",
	plural: "poddisruptionbudgets",
	singular: "poddisruptionbudget",
	shortNames: ["pdb"],
	scope: "Namespaced",
	schema: "policy/v1.PodDisruptionBudget",
	allowUnconditionalUpdate: false,
	subresources: { status: { prepareUpdate: statusSubresource.prepareUpdate, validateUpdate: validateStatus } },
	prepareCreate(budget) {
		budget.metadata.generation = 1;
		budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	columns: [
		{ name: "Min Available", type: "string", description: "The minimum number of pods that must be available.", cell: ({ spec }) => shown(spec?.minAvailable) },
		{
			name: "Max Unavailable",
			type: "string",
			description: "The maximum number of pods that may be unavailable.",
			cell: ({ spec }) => shown(spec?.maxUnavailable),
		},
		{
			name: "Allowed Disruptions",
			type: "integer",
			description: "Calculated number of pods that may be disrupted at this time.",
			cell: ({ status }) => status?.disruptionsAllowed ?? 0,
		},
		ageColumn,
	],
});
