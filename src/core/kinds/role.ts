/** Role: pkg/registry/rbac/role. */
import type { Role } from "../schema/kubernetes.d.ts";
import { createdAtColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { RBAC_GROUP, validatePolicyRules } from "./rbac-rules.ts";

export const roleKind = defineKind<Role>({
	group: RBAC_GROUP,
	version: "v1",
	kind: "Role",
	plural: "roles",
	singular: "role",
	scope: "Namespaced",
	schema: "rbac/v1.Role",
	nameRule: "path",
	allowCreateOnUpdate: true,
	validate: (role) => validatePolicyRules(role.rules ?? [], true),
	columns: [createdAtColumn],
});
