/** RoleBinding: pkg/registry/rbac/rolebinding. */
import type { RoleBinding } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";
import { bindingColumns, defaultBinding, RBAC_GROUP, validateBinding, validateBindingUpdate } from "./rbac-rules.ts";

export const roleBindingKind = defineKind<RoleBinding>({
	group: RBAC_GROUP,
	version: "v1",
	kind: "RoleBinding",
	plural: "rolebindings",
	singular: "rolebinding",
	scope: "Namespaced",
	schema: "rbac/v1.RoleBinding",
	nameRule: "path",
	allowCreateOnUpdate: true,
	defaults: defaultBinding,
	validate: (binding) => validateBinding(binding, ["Role", "ClusterRole"], true),
	validateUpdate: validateBindingUpdate,
	columns: bindingColumns,
});
