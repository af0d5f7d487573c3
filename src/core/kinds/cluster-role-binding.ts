/** ClusterRoleBinding: pkg/registry/rbac/clusterrolebinding. */
import type { ClusterRoleBinding } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";
import { bindingColumns, defaultBinding, RBAC_GROUP, validateBinding, validateBindingUpdate } from "./rbac-rules.ts";

export const clusterRoleBindingKind = defineKind<ClusterRoleBinding>({
	group: RBAC_GROUP,
	version: "v1",
	kind: "ClusterRoleBinding",
	plural: "clusterrolebindings",
	singular: "clusterrolebinding",
	scope: "Cluster",
	schema: "rbac/v1.ClusterRoleBinding",
	nameRule: "path",
	allowCreateOnUpdate: true,
	defaults: defaultBinding,
	validate: (binding) => validateBinding(binding, ["ClusterRole"], false),
	validateUpdate: validateBindingUpdate,
	columns: bindingColumns,
});
