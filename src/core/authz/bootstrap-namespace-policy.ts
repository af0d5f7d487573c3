/** The Roles and RoleBindings that the system's own namespaces start with (bootstrappolicy/namespace_policy.go). */
import type { PolicyRule, RbacV1Subject, Role, RoleBinding } from "../schema/kubernetes.d.ts";
import { accountSubject, bootstrapMeta, rule, userSubject } from "./bootstrap-rules.ts";
import { RBAC_GROUP } from "./rbac.ts";

const API_VERSION = `${RBAC_GROUP}/v1`;
const READ = "get list watch";
const EVENTS = rule("core events.k8s.io", "events", "create patch update");
const LEADER_LOCKING = ["leases", "leasecandidates"].map((resource) => rule("coordination.k8s.io", resource, "create get list update watch"));

interface Grant {
	role: string;
	rules: readonly PolicyRule[];
	subjects: readonly RbacV1Subject[];
	/** Where it is not the role's. */
	binding?: string;
}

const GRANTS: Readonly<Record<string, readonly Grant[]>> = {
	"kube-public": [
		{
			role: "system:controller:bootstrap-signer",
			rules: [rule("core", "configmaps", READ), rule("core", "configmaps", "update", "cluster-info"), EVENTS],
			subjects: [accountSubject("bootstrap-signer")],
		},
	],
	"kube-system": [
		{
			role: "extension-apiserver-authentication-reader",
			binding: "system::extension-apiserver-authentication-reader",
			rules: [rule("core", "configmaps", READ, "extension-apiserver-authentication")],
			subjects: [userSubject("system:kube-controller-manager"), userSubject("system:kube-scheduler")],
		},
		{
			role: "system::leader-locking-kube-controller-manager",
			rules: LEADER_LOCKING,
			subjects: [userSubject("system:kube-controller-manager"), accountSubject("kube-controller-manager"), accountSubject("leader-election-controller")],
		},
		{
			role: "system::leader-locking-kube-scheduler",
			rules: LEADER_LOCKING,
			subjects: [userSubject("system:kube-scheduler"), accountSubject("kube-scheduler")],
		},
		{ role: "system:controller:bootstrap-signer", rules: [rule("core", "secrets", READ)], subjects: [accountSubject("bootstrap-signer")] },
		{ role: "system:controller:cloud-provider", rules: [rule("core", "configmaps", "create get list watch")], subjects: [accountSubject("cloud-provider")] },
		{ role: "system:controller:token-cleaner", rules: [rule("core", "secrets", "delete get list watch"), EVENTS], subjects: [accountSubject("token-cleaner")] },
	],
};

export function bootstrapRoles(namespace: string): Role[] {
	return (GRANTS[namespace] ?? []).map(({ role, rules }) => ({
		apiVersion: API_VERSION,
		kind: "Role",
		metadata: { ...bootstrapMeta(role), namespace },
		rules: [...rules],
	}));
}

export function bootstrapRoleBindings(namespace: string): RoleBinding[] {
	return (GRANTS[namespace] ?? []).map(({ role, binding = role, subjects }) => ({
		apiVersion: API_VERSION,
		kind: "RoleBinding",
		metadata: { ...bootstrapMeta(binding), namespace },
		roleRef: { apiGroup: RBAC_GROUP, kind: "Role", name: role },
		subjects: [...subjects],
	}));
}
