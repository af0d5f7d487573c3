/** ClusterRole: pkg/registry/rbac/clusterrole. */
import { type FieldError, required } from "../errors/field-error.ts";
import type { ClusterRole } from "../schema/kubernetes.d.ts";
import { createdAtColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { RBAC_GROUP, validatePolicyRules } from "./rbac-rules.ts";

const SELECTORS = "aggregationRule.clusterRoleSelectors";

function validateAggregation({ aggregationRule }: ClusterRole): FieldError[] {
	if (!aggregationRule) return [];
	const selectors = aggregationRule.clusterRoleSelectors ?? [];
	if (selectors.length === 0) return [required(SELECTORS, "at least one clusterRoleSelector required if aggregationRule is non-nil")];
	return selectors.flatMap((selector, index) => validateLabelSelector(selector, `${SELECTORS}[${index}]`));
}

export const clusterRoleKind = defineKind<ClusterRole>({
	group: RBAC_GROUP,
	version: "v1",
	kind: "ClusterRole",
	plural: "clusterroles",
	singular: "clusterrole",
	scope: "Cluster",
	schema: "rbac/v1.ClusterRole",
	nameRule: "path",
	allowCreateOnUpdate: true,
	validate: (role) => [...validatePolicyRules(role.rules ?? [], false), ...validateAggregation(role)],
	columns: [createdAtColumn],
});
