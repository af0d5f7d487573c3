/** Rules that the kinds of rbac.authorization.k8s.io share: pkg/apis/rbac/v1 and pkg/apis/rbac/validation. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Subdomain, pathSegment } from "../meta/name-rules.ts";
import type { ClusterRoleBinding, PolicyRule, RbacV1Subject, RoleBinding } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import type { TableColumn } from "./define-kind.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";
type Binding = RoleBinding | ClusterRoleBinding;

/** ValidatePolicyRule for each rule of a role. */
export function validatePolicyRules(rules: readonly PolicyRule[], namespaced: boolean): FieldError[] {
	return rules.flatMap((rule, index) => validatePolicyRule(rule, namespaced, `rules[${index}]`));
}

function validatePolicyRule(rule: PolicyRule, namespaced: boolean, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!rule.verbs?.length) errors.push(required(`${path}.verbs`, "verbs must contain at least one value"));
	if (rule.nonResourceURLs?.length) {
		const at = `${path}.nonResourceURLs`;
		if (namespaced) errors.push(invalid(at, rule.nonResourceURLs, "namespaced rules cannot apply to non-resource URLs"));
		if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length) {
			errors.push(invalid(at, rule.nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"));
		}
		return errors;
	}
	if (!rule.apiGroups?.length) errors.push(required(`${path}.apiGroups`, "resource rules must supply at least one api group"));
	if (!rule.resources?.length) errors.push(required(`${path}.resources`, "resource rules must supply at least one resource"));
	return errors;
}

/** The API groups of roleRef and subjects, where they are not said. */
export function defaultBinding(binding: Binding): void {
	if (binding.roleRef) binding.roleRef.apiGroup ||= RBAC_GROUP;
	for (const subject of binding.subjects ?? []) {
		if (!subject.apiGroup && (subject.kind === "User" || subject.kind === "Group")) subject.apiGroup = RBAC_GROUP;
	}
}

/** Rules of a binding; `roleKinds` are those that its roleRef may name. */
export function validateBinding(binding: Binding, roleKinds: readonly string[], namespaced: boolean): FieldError[] {
	const errors: FieldError[] = [];
	const { apiGroup = "", kind = "", name = "" } = binding.roleRef ?? {};
	if (apiGroup !== RBAC_GROUP) errors.push(notSupported("roleRef.apiGroup", apiGroup, [RBAC_GROUP]));
	if (!roleKinds.includes(kind)) errors.push(notSupported("roleRef.kind", kind, roleKinds));
	if (name === "") errors.push(required("roleRef.name"));
	else for (const problem of pathSegment(name)) errors.push(invalid("roleRef.name", name, problem));
	for (const [index, subject] of (binding.subjects ?? []).entries()) errors.push(...validateSubject(subject, namespaced, `subjects[${index}]`));
	return errors;
}

function validateSubject(subject: RbacV1Subject, namespaced: boolean, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!subject.name) errors.push(required(`${path}.name`));
	switch (subject.kind) {
		case "ServiceAccount":
			if (subject.name) for (const problem of dns1123Subdomain(subject.name)) errors.push(invalid(`${path}.name`, subject.name, problem));
			if (subject.apiGroup) errors.push(notSupported(`${path}.apiGroup`, subject.apiGroup, [""]));
			if (!namespaced && !subject.namespace) errors.push(required(`${path}.namespace`));
			break;
		case "User":
		case "Group":
			if (subject.apiGroup !== RBAC_GROUP) errors.push(notSupported(`${path}.apiGroup`, subject.apiGroup ?? "", [RBAC_GROUP]));
			break;
		default:
			errors.push(notSupported(`${path}.kind`, subject.kind ?? "", ["ServiceAccount", "User", "Group"]));
	}
	return errors;
}

export const validateBindingUpdate = (next: Binding, old: Binding): FieldError[] =>
	semanticEqual(next.roleRef, old.roleRef) ? [] : [invalid("roleRef", next.roleRef, "cannot change roleRef")];

const subjectNames = (binding: Binding, kind: string): string =>
	(binding.subjects ?? [])
		.filter((s) => s.kind === kind)
		.map((s) => (kind === "ServiceAccount" ? `${s.namespace ?? ""}/${s.name}` : s.name))
		.join(", ");

/** Columns of both kinds of binding. */
export const bindingColumns: TableColumn<Binding>[] = [
	{
		name: "Role",
		type: "string",
		description:
			"RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error. This field is immutable.",
		cell: (binding) => `${binding.roleRef.kind}/${binding.roleRef.name}`,
	},
	ageColumn,
	{ name: "Users", type: "string", priority: 1, description: "Users in the roleBinding", cell: (binding) => subjectNames(binding, "User") },
	{ name: "Groups", type: "string", priority: 1, description: "Groups in the roleBinding", cell: (binding) => subjectNames(binding, "Group") },
	{
		name: "ServiceAccounts",
		type: "string",
		priority: 1,
		description: "ServiceAccounts in the roleBinding",
		cell: (binding) => subjectNames(binding, "ServiceAccount"),
	},
];
