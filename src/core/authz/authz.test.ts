import { describe, expect, test } from "vitest";
import type { StatusError } from "../errors/status-error.ts";
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacV1Subject, Role, RoleBinding } from "../schema/kubernetes.d.ts";
import { bootstrapClusterRoleBindings, bootstrapClusterRoles } from "./bootstrap-policy.ts";
import type { ResourceAttributes } from "./attributes.ts";
import { authorizeNode, nodeNameOf } from "./node-authorizer.ts";
import {
	authorize,
	buildRbacPolicy,
	checkBindingEscalation,
	checkRoleEscalation,
	forbiddenRequest,
	type RbacObjects,
	type RbacPolicy,
	rulesCover,
	rulesFor,
} from "./rbac.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const none: RbacObjects = { clusterRoles: [], clusterRoleBindings: [], roles: [], roleBindings: [] };
const userSubject = (name: string): RbacV1Subject => ({ kind: "User", name });
const role = (namespace: string, name: string, rules: PolicyRule[]): Role => ({ apiVersion, kind: "Role", metadata: { name, namespace }, rules });
const clusterRole = (name: string, rules: PolicyRule[]): ClusterRole => ({ apiVersion, kind: "ClusterRole", metadata: { name }, rules });
const roleBinding = (namespace: string, kind: string, name: string, ...subjects: RbacV1Subject[]): RoleBinding => ({
	apiVersion,
	kind: "RoleBinding",
	metadata: { name: `${name}-binding`, namespace },
	subjects,
	roleRef: { kind, name },
});
const clusterRoleBinding = (name: string, ...subjects: RbacV1Subject[]): ClusterRoleBinding => ({
	apiVersion,
	kind: "ClusterRoleBinding",
	metadata: { name: `${name}-binding` },
	subjects,
	roleRef: { kind: "ClusterRole", name },
});

const user = (name: string, ...groups: string[]) => ({ name, groups });
const ask = (verb: string, resource: string, namespace = "", more: Partial<ResourceAttributes> = {}) => ({
	verb,
	resource,
	namespace,
	group: "",
	name: "",
	subresource: "",
	...more,
});

const message = (run: () => unknown): string => {
	try {
		run();
	} catch (error) {
		return (error as StatusError).message;
	}
	return "";
};

const reader = clusterRole("reader", [{ verbs: ["get", "list"], apiGroups: [""], resources: ["pods", "*/log"] }]);

describe("RBAC", () => {
	const policy: RbacPolicy = buildRbacPolicy({
		clusterRoles: [reader, clusterRole("paths", [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/apis/*"] }])],
		clusterRoleBindings: [clusterRoleBinding("paths", { kind: "Group", name: "system:authenticated" }), clusterRoleBinding("gone", userSubject("lost"))],
		roles: [role("a", "editor", [{ verbs: ["*"], apiGroups: ["*"], resources: ["configmaps"], resourceNames: ["one"] }])],
		roleBindings: [
			roleBinding("a", "ClusterRole", "reader", userSubject("jane"), { kind: "ServiceAccount", name: "bot" }),
			roleBinding("a", "Role", "editor", { kind: "ServiceAccount", name: "bot", namespace: "b" }),
		],
	});

	test.each([
		["jane", ask("get", "pods", "a"), true],
		["jane", ask("get", "pods", "b"), false],
		["jane", ask("get", "pods"), false],
		["jane", ask("delete", "pods", "a"), false],
		["jane", ask("get", "pods", "a", { subresource: "log" }), true],
		["jane", ask("get", "pods", "a", { subresource: "exec" }), false],
		["jane", ask("get", "pods", "a", { group: "other" }), false],
		["system:serviceaccount:a:bot", ask("list", "pods", "a"), true],
		["system:serviceaccount:b:bot", ask("patch", "configmaps", "a", { name: "one" }), true],
		["system:serviceaccount:b:bot", ask("patch", "configmaps", "a", { name: "two" }), false],
		["system:serviceaccount:b:bot", ask("create", "configmaps", "a"), false],
		["jane", { verb: "get", path: "/apis/apps/v1" }, true],
		["jane", { verb: "get", path: "/metrics" }, false],
		["jane", { verb: "post", path: "/healthz" }, false],
	])("%s, %j: %s", (name, attributes, allowed) => {
		expect(authorize(user(name, "system:authenticated"), attributes, policy).allowed).toBe(allowed);
	});

	test("masters may do everything without a policy", () => {
		const empty = buildRbacPolicy(none);
		expect(authorize(user("root", "system:masters"), ask("delete", "nodes"), empty).allowed).toBe(true);
		expect(authorize(user("root", "other"), ask("delete", "nodes"), empty).allowed).toBe(false);
	});

	test("a decision says why", () => {
		expect(authorize(user("jane"), ask("get", "pods", "a"), policy).reason).toBe(
			'RBAC: allowed by RoleBinding "reader-binding/a" of ClusterRole "reader" to User "jane"',
		);
		expect(authorize(user("lost"), ask("get", "pods"), policy).reason).toBe('RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found');
	});

	test("a refusal reads as upstream's", () => {
		const refused = (attributes: Parameters<typeof forbiddenRequest>[1]) => forbiddenRequest(user("jane"), attributes, "").message;
		expect(refused(ask("list", "pods", "default"))).toBe(
			'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
		);
		expect(refused(ask("get", "deployments", "", { group: "apps", name: "x", subresource: "scale" }))).toBe(
			'deployments.apps "x" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" at the cluster scope',
		);
		expect(refused({ verb: "get", path: "/metrics" })).toBe('forbidden: User "jane" cannot get path "/metrics"');
		expect(forbiddenRequest(user("jane"), ask("list", "pods"), "").status).toMatchObject({ code: 403, reason: "Forbidden", details: { kind: "pods" } });
	});

	test("nobody hands out more than he holds", () => {
		const jane = user("jane", "devs");
		const write = { resource: "roles", namespace: "a", name: "new" };
		const held: PolicyRule[] = [{ verbs: ["get"], apiGroups: [""], resources: ["pods", "pods/log"] }];
		expect(message(() => checkRoleEscalation(jane, write, held, policy))).toBe("");
		const more: PolicyRule[] = [{ verbs: ["get", "watch", "delete"], apiGroups: [""], resources: ["pods"] }];
		expect(message(() => checkRoleEscalation(jane, write, more, policy))).toBe(
			'roles.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=["devs"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["watch" "delete"]}',
		);
		expect(message(() => checkRoleEscalation(user("root", "system:masters"), write, more, policy))).toBe("");
		const clusterWrite = { resource: "clusterroles", namespace: "", name: "all" };
		expect(message(() => checkRoleEscalation(jane, clusterWrite, [], policy, true))).toBe(
			'clusterroles.rbac.authorization.k8s.io "all" is forbidden: must have cluster-admin privileges to use the aggregationRule',
		);
		const binding = { resource: "rolebindings", namespace: "a", name: "b" };
		expect(message(() => checkBindingEscalation(jane, binding, { kind: "ClusterRole", name: "reader" }, policy))).toBe("");
		expect(message(() => checkBindingEscalation(jane, binding, { kind: "ClusterRole", name: "paths" }, policy))).toContain(
			"not currently held:\n{NonResourceURLs:",
		);
		expect(message(() => checkBindingEscalation(jane, binding, { kind: "Role", name: "none" }, policy))).toContain("not found");
	});

	test("rulesFor joins the cluster's and the namespace's", () => {
		expect(rulesFor(user("jane", "system:authenticated"), "a", policy)).toHaveLength(2);
		expect(rulesFor(user("jane"), "", policy)).toHaveLength(0);
	});

	test("covering", () => {
		const all: PolicyRule = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
		const named: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["pods"], resourceNames: ["a"] };
		const unnamed: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };
		expect(rulesCover([all], [named])).toBe(true);
		expect(rulesCover([unnamed], [named])).toBe(true);
		expect(rulesCover([named], [unnamed])).toBe(false);
		expect(rulesCover([{ verbs: ["get"], nonResourceURLs: ["/a/*"] }], [{ verbs: ["get"], nonResourceURLs: ["/a/b"] }])).toBe(true);
		expect(rulesCover([unnamed], [{ ...unnamed, resources: ["pods/log"] }])).toBe(false);
	});
});

describe("the default policy", () => {
	const clusterRoles = bootstrapClusterRoles();
	const namedBinding = roleBinding("a", "ClusterRole", "edit", userSubject("ed"));
	const policy = buildRbacPolicy({
		...none,
		clusterRoles,
		clusterRoleBindings: bootstrapClusterRoleBindings(),
		roleBindings: [namedBinding, roleBinding("a", "ClusterRole", "view", userSubject("vi")), roleBinding("a", "ClusterRole", "admin", userSubject("ad"))],
	});

	test.each([
		["vi", "get", "pods", {}, true],
		["vi", "get", "secrets", {}, false],
		["vi", "update", "pods", {}, false],
		["ed", "update", "deployments", { group: "apps" }, true],
		["ed", "get", "secrets", {}, true],
		["ed", "create", "pods", { subresource: "exec" }, true],
		["ed", "get", "pods", { subresource: "log" }, true],
		["ed", "create", "rolebindings", { group: "rbac.authorization.k8s.io" }, false],
		["ad", "create", "rolebindings", { group: "rbac.authorization.k8s.io" }, true],
		["ad", "update", "resourcequotas", {}, false],
	] as const)("%s may %s %s %j: %s", (name, verb, resource, more, allowed) => {
		expect(authorize(user(name), ask(verb, resource, "a", more), policy).allowed).toBe(allowed);
	});

	test("everyone who is known may discover, anyone may ask for health", () => {
		const known = user("x", "system:authenticated");
		const unknown = user("system:anonymous", "system:unauthenticated");
		expect(authorize(known, { verb: "get", path: "/apis/apps/v1" }, policy).allowed).toBe(true);
		expect(authorize(known, ask("create", "selfsubjectaccessreviews", "", { group: "authorization.k8s.io" }), policy).allowed).toBe(true);
		expect(authorize(unknown, { verb: "get", path: "/version" }, policy).allowed).toBe(true);
		expect(authorize(unknown, { verb: "get", path: "/apis" }, policy).allowed).toBe(false);
	});

	test("roles carry upstream's marks", () => {
		const view = clusterRoles.find((r) => r.metadata.name === "view");
		expect(view?.metadata).toEqual({
			name: "view",
			labels: { "kubernetes.io/bootstrapping": "rbac-defaults", "rbac.authorization.k8s.io/aggregate-to-edit": "true" },
			annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
		});
		expect(view?.rules?.length).toBeGreaterThan(5);
		expect(new Set(clusterRoles.map((r) => r.metadata.name)).size).toBe(clusterRoles.length);
	});
});

describe("nodes", () => {
	const graph = {
		references: (resource: string, namespace: string, name: string) =>
			["secrets/a/mine", "pods/a/p", "serviceaccounts/a/bot", "resourceclaims/a/mine"].includes(`${resource}/${namespace}/${name}`),
	};

	test("a node's agent is known by its name and its group", () => {
		expect(nodeNameOf(user("system:node:n1", "system:nodes"))).toBe("n1");
		expect(nodeNameOf(user("system:node:n1"))).toBeUndefined();
		expect(nodeNameOf(user("n1", "system:nodes"))).toBeUndefined();
	});

	test.each([
		[ask("get", "nodes", "", { name: "n1" }), true],
		[ask("get", "nodes", "", { name: "n2" }), false],
		[ask("patch", "nodes", "", { name: "n1", subresource: "status" }), true],
		[ask("patch", "nodes", "", { name: "n2", subresource: "status" }), false],
		[ask("delete", "nodes", "", { name: "n1" }), false],
		[ask("create", "nodes"), true],
		[ask("list", "nodes"), false],
		[ask("list", "pods"), false],
		[ask("watch", "pods", "", { fields: [{ path: "spec.nodeName", operator: "=", value: "n1" }] }), true],
		[ask("list", "pods", "", { fields: [{ path: "spec.nodeName", operator: "=", value: "n2" }] }), false],
		[ask("list", "pods", "", { fields: [{ path: "spec.nodeName", operator: "!=", value: "n1" }] }), false],
		[ask("get", "resourceclaims", "a", { group: "resource.k8s.io", name: "mine" }), true],
		[ask("get", "resourceclaims", "a", { group: "resource.k8s.io", name: "other" }), false],
		[ask("list", "resourceclaims", "a", { group: "resource.k8s.io" }), false],
		[ask("list", "resourceslices", "", { group: "resource.k8s.io", fields: [{ path: "spec.nodeName", operator: "=", value: "n1" }] }), true],
		[ask("list", "resourceslices", "", { group: "resource.k8s.io" }), false],
		[ask("get", "secrets", "a", { name: "mine" }), true],
		[ask("get", "secrets", "a", { name: "other" }), false],
		[ask("list", "secrets", "a"), false],
		[ask("update", "secrets", "a", { name: "mine" }), false],
		[ask("patch", "pods", "a", { name: "p", subresource: "status" }), true],
		[ask("patch", "pods", "a", { name: "q", subresource: "status" }), false],
		[ask("patch", "pods", "a", { name: "p" }), false],
		[ask("delete", "pods", "a", { name: "p" }), true],
		[ask("create", "serviceaccounts", "a", { name: "bot", subresource: "token" }), true],
		[ask("create", "serviceaccounts", "a", { name: "admin", subresource: "token" }), false],
		[ask("create", "events", "a"), true],
		[ask("list", "services"), true],
		[ask("update", "leases", "kube-node-lease", { group: "coordination.k8s.io", name: "n1" }), true],
		[ask("update", "leases", "kube-node-lease", { group: "coordination.k8s.io", name: "n2" }), false],
		[ask("update", "leases", "kube-system", { group: "coordination.k8s.io", name: "n1" }), false],
		[ask("get", "deployments", "a", { group: "apps", name: "x" }), false],
		[{ verb: "get", path: "/metrics" }, false],
	])("%j: %s", (attributes, allowed) => {
		expect(authorizeNode("n1", attributes, graph).allowed).toBe(allowed);
	});
});
