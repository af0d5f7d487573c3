/** ClusterRole: pkg/registry/rbac/clusterrole. */
import type { ClusterRole } from "../schema/kubernetes.d.ts";
import { createdAtColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { RBAC_GROUP, validatePolicyRules } from "./rbac-rules.ts";

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
	validate: (role) => validatePolicyRules(role.rules ?? [], false),
	columns: [createdAtColumn],
});
