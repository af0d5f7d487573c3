/** Role-based access control (k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac): who may do what, from roles and bindings. */
import type { UserInfo } from "../api/request.ts";
import { forbiddenError, type GroupResource } from "../errors/status-error.ts";
import { GROUP_MASTERS } from "../protocol/tokens.ts";
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacV1Subject, Role, RoleBinding, RoleRef } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { type Attributes, type Decision, isPathRequest } from "./attributes.ts";
import { compactRules, quotedList, ruleAllows, ruleText, uncoveredRules } from "./policy-rule.ts";

export { type Attributes, type Decision, forbiddenRequest, forbiddenText, type PathAttributes, type ResourceAttributes } from "./attributes.ts";
export { rulesCover } from "./policy-rule.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";

const FULL_AUTHORITY: readonly PolicyRule[] = [
	{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
	{ verbs: ["*"], nonResourceURLs: ["*"] },
];

/** One binding as it concerns one subject. */
interface Grant {
	rules: readonly PolicyRule[];
	/** As upstream names it in a decision's reason. */
	description: string;
	/** Set when the binding's role does not exist. */
	missing?: string;
}

type GrantsBySubject = ReadonlyMap<string, readonly Grant[]>;

/** Roles and bindings, indexed by subject. Made by buildRbacPolicy; never changed after. */
export interface RbacPolicy {
	readonly clusterGrants: GrantsBySubject;
	readonly namespaceGrants: ReadonlyMap<string, GrantsBySubject>;
	readonly clusterRules: ReadonlyMap<string, readonly PolicyRule[]>;
	/** By "namespace/name". */
	readonly roleRules: ReadonlyMap<string, readonly PolicyRule[]>;
}

export interface RbacObjects {
	clusterRoles: readonly ClusterRole[];
	clusterRoleBindings: readonly ClusterRoleBinding[];
	roles: readonly Role[];
	roleBindings: readonly RoleBinding[];
}

/** What an aggregated ClusterRole grants: the rules of every role its selectors match, each rule once. */
export function aggregatedRules(role: ClusterRole, clusterRoles: readonly ClusterRole[]): PolicyRule[] {
	const rules = new Map<string, PolicyRule>();
	for (const selectorObject of role.aggregationRule?.clusterRoleSelectors ?? []) {
		const selector = labelSelectorOf(selectorObject);
		const matching = clusterRoles.filter((other) => other.metadata.name !== role.metadata.name && selector.matches(other.metadata.labels));
		matching.sort((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
		for (const rule of matching.flatMap((other) => other.rules ?? [])) rules.set(JSON.stringify(rule), rule);
	}
	return [...rules.values()];
}

const userKey = (name: string): string => `User/${name}`;
const groupKey = (name: string): string => `Group/${name}`;

function subjectKey(subject: RbacV1Subject, bindingNamespace: string): string {
	if (subject.kind === "User") return userKey(subject.name);
	if (subject.kind === "Group") return groupKey(subject.name);
	return userKey(`system:serviceaccount:${subject.namespace || bindingNamespace}:${subject.name}`);
}

function subjectText(subject: RbacV1Subject, bindingNamespace: string): string {
	if (subject.kind !== "ServiceAccount") return `${subject.kind} ${JSON.stringify(subject.name)}`;
	return `ServiceAccount ${JSON.stringify(`${subject.name}/${subject.namespace || bindingNamespace}`)}`;
}

function addGrants(target: Map<string, Grant[]>, binding: ClusterRoleBinding | RoleBinding, rules: readonly PolicyRule[] | undefined): void {
	const namespace = binding.kind === "ClusterRoleBinding" ? "" : (binding.metadata.namespace ?? "");
	const name = namespace === "" ? (binding.metadata.name ?? "") : `${binding.metadata.name}/${namespace}`;
	const { kind, name: roleName } = binding.roleRef;
	const missing = rules === undefined ? `${kind.toLowerCase()}.${RBAC_GROUP} ${JSON.stringify(roleName)} not found` : undefined;
	for (const subject of binding.subjects ?? []) {
		const description = `${namespace === "" ? "ClusterRoleBinding" : "RoleBinding"} ${JSON.stringify(name)} of ${kind} ${JSON.stringify(roleName)} to ${subjectText(subject, namespace)}`;
		const key = subjectKey(subject, namespace);
		const grants = target.get(key);
		const grant: Grant = { rules: rules ?? [], description, ...(missing ? { missing } : {}) };
		if (grants) grants.push(grant);
		else target.set(key, [grant]);
	}
}

/** Indexes the policy once, so that each decision looks only at what names the user. Cheap enough to redo on every RBAC change. */
export function buildRbacPolicy(objects: RbacObjects): RbacPolicy {
	const clusterRules = new Map<string, readonly PolicyRule[]>();
	for (const role of objects.clusterRoles) {
		clusterRules.set(role.metadata.name ?? "", role.aggregationRule ? aggregatedRules(role, objects.clusterRoles) : (role.rules ?? []));
	}
	const roleRules = new Map(objects.roles.map((role) => [`${role.metadata.namespace}/${role.metadata.name}`, role.rules ?? []] as const));
	const clusterGrants = new Map<string, Grant[]>();
	for (const binding of objects.clusterRoleBindings)
		addGrants(clusterGrants, { ...binding, kind: "ClusterRoleBinding" }, clusterRules.get(binding.roleRef.name));
	const namespaceGrants = new Map<string, Map<string, Grant[]>>();
	for (const binding of objects.roleBindings) {
		const namespace = binding.metadata.namespace ?? "";
		let grants = namespaceGrants.get(namespace);
		if (!grants) {
			grants = new Map();
			namespaceGrants.set(namespace, grants);
		}
		const { kind, name } = binding.roleRef;
		addGrants(grants, { ...binding, kind: "RoleBinding" }, kind === "ClusterRole" ? clusterRules.get(name) : roleRules.get(`${namespace}/${name}`));
	}
	return { clusterGrants, namespaceGrants, clusterRules, roleRules };
}

function* grantsFor(user: UserInfo, namespace: string, policy: RbacPolicy): Generator<Grant> {
	const keys = [userKey(user.name), ...user.groups.map(groupKey)];
	for (const key of keys) yield* policy.clusterGrants.get(key) ?? [];
	const inNamespace = namespace === "" ? undefined : policy.namespaceGrants.get(namespace);
	if (inNamespace) for (const key of keys) yield* inNamespace.get(key) ?? [];
}

/** Whether the policy lets the user do this. A refusal's text comes from forbiddenRequest. */
export function authorize(user: UserInfo, attributes: Attributes, policy: RbacPolicy): Decision {
	if (user.groups.includes(GROUP_MASTERS)) return { allowed: true, reason: "" };
	const missing = new Set<string>();
	for (const grant of grantsFor(user, isPathRequest(attributes) ? "" : attributes.namespace, policy)) {
		if (grant.missing) missing.add(grant.missing);
		for (const rule of grant.rules) {
			if (ruleAllows(rule, attributes)) return { allowed: true, reason: `RBAC: allowed by ${grant.description}` };
		}
	}
	const faults = [...missing];
	if (faults.length === 0) return { allowed: false, reason: "" };
	return { allowed: false, reason: `RBAC: ${faults.length === 1 ? faults[0] : `[${faults.join(", ")}]`}` };
}

/** Every rule that holds for the user in the namespace ("" for the cluster scope alone), for SelfSubjectRulesReview and escalation checks. */
export function rulesFor(user: UserInfo, namespace: string, policy: RbacPolicy): PolicyRule[] {
	const rules = user.groups.includes(GROUP_MASTERS) ? [...FULL_AUTHORITY] : [];
	for (const grant of grantsFor(user, namespace, policy)) rules.push(...grant.rules);
	return rules;
}

/** The rules that a binding in `namespace` hands out; undefined when its role does not exist. */
export function rulesOfRef(ref: RoleRef, namespace: string, policy: RbacPolicy): readonly PolicyRule[] | undefined {
	return ref.kind === "ClusterRole" ? policy.clusterRules.get(ref.name) : policy.roleRules.get(`${namespace}/${ref.name}`);
}

interface RbacWrite {
	/** roles, clusterroles, rolebindings or clusterrolebindings. */
	resource: string;
	namespace: string;
	name: string;
}

function refuseUncovered(user: UserInfo, write: RbacWrite, granted: readonly PolicyRule[], policy: RbacPolicy): void {
	const missing = uncoveredRules(rulesFor(user, write.namespace, policy), granted);
	if (missing.length === 0) return;
	const texts = [...new Set(compactRules(missing).map(ruleText))].sort();
	const message = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${texts.join("\n")}`;
	const gr: GroupResource = { group: RBAC_GROUP, resource: write.resource };
	throw forbiddenError(gr, write.name, message);
}

/**
 * Refuses a write of a Role or ClusterRole that hands out more than the writer holds, unless he may `escalate` it. One
 * with an aggregation rule (`aggregates`) can come to hold anything, so its writer must hold everything.
 * Throws a 403 StatusError with upstream's words.
 */
export function checkRoleEscalation(user: UserInfo, write: RbacWrite, rules: readonly PolicyRule[], policy: RbacPolicy, aggregates = false): void {
	const attributes = { ...write, verb: "escalate", group: RBAC_GROUP, subresource: "" };
	if (authorize(user, attributes, policy).allowed) return;
	refuseUncovered(user, write, rules, policy);
	if (!aggregates || uncoveredRules(rulesFor(user, write.namespace, policy), FULL_AUTHORITY).length === 0) return;
	throw forbiddenError({ group: RBAC_GROUP, resource: write.resource }, write.name, "must have cluster-admin privileges to use the aggregationRule");
}

/** The same for a binding: `bind` on the role it names is enough. A role that does not exist is refused with a 404-worded 403. */
export function checkBindingEscalation(user: UserInfo, write: RbacWrite, ref: RoleRef, policy: RbacPolicy): void {
	const resource = ref.kind === "ClusterRole" ? "clusterroles" : "roles";
	const attributes = { verb: "bind", group: RBAC_GROUP, resource, subresource: "", namespace: write.namespace, name: ref.name };
	if (authorize(user, attributes, policy).allowed) return;
	const rules = rulesOfRef(ref, write.namespace, policy);
	if (rules === undefined) {
		const message = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)}) is attempting to grant RBAC permissions not currently held; resolution errors: [${resource}.${RBAC_GROUP} ${JSON.stringify(ref.name)} not found]`;
		throw forbiddenError({ group: RBAC_GROUP, resource: write.resource }, write.name, message);
	}
	refuseUncovered(user, write, rules, policy);
}
