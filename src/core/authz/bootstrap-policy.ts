/**
 * The ClusterRoles and bindings that every cluster starts with (facts of
 * k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy).
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacV1Subject } from "../schema/kubernetes.d.ts";
import { CONTROLLER_RULES } from "./bootstrap-controller-roles.ts";
import { accountSubject, bootstrapMeta, rule, userSubject, words } from "./bootstrap-rules.ts";
import { aggregatedRules, RBAC_GROUP } from "./rbac.ts";

const API_VERSION = `${RBAC_GROUP}/v1`;
/** Before the name of a controller's ServiceAccount. */
const CONTROLLER_PREFIX = "system:controller:";
const READ = "get list watch";
const WRITE = "create delete deletecollection patch update";
const ALL_OBJECT_VERBS = "create delete deletecollection get list patch update watch";
const EVENT_VERBS = "create patch update";

const paths = (urls: string, verbs: string): PolicyRule => ({ verbs: words(verbs), nonResourceURLs: words(urls) });

const clusterRole = (name: string, rules: PolicyRule[], aggregateTo?: string): ClusterRole => ({
	apiVersion: API_VERSION,
	kind: "ClusterRole",
	metadata: bootstrapMeta(name, aggregateTo),
	rules,
});

const aggregated = (name: string, from: string, aggregateTo?: string): ClusterRole => ({
	...clusterRole(name, [], aggregateTo),
	aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`${RBAC_GROUP}/aggregate-to-${from}`]: "true" } }] },
});

const EVENTS = rule("core events.k8s.io", "events", EVENT_VERBS);
const TOKEN_REVIEWS = rule("authentication.k8s.io", "tokenreviews", "create");
const ACCESS_REVIEWS = rule("authorization.k8s.io", "subjectaccessreviews", "create");

const ADMIN_RULES: PolicyRule[] = [
	rule("authorization.k8s.io", "localsubjectaccessreviews", "create"),
	rule(RBAC_GROUP, "rolebindings roles", ALL_OBJECT_VERBS),
];

const EDIT_RULES: PolicyRule[] = [
	rule("core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", READ),
	rule("core", "serviceaccounts", "impersonate"),
	rule("core", "pods pods/attach pods/exec pods/portforward pods/proxy", WRITE),
	rule("core", "pods/eviction", "create"),
	rule(
		"core",
		"configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
		WRITE,
	),
	rule("core", "serviceaccounts/token", "create"),
	rule("apps", "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale", WRITE),
	rule("autoscaling", "horizontalpodautoscalers", WRITE),
	rule("batch", "cronjobs jobs", WRITE),
	rule(
		"extensions",
		"daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale",
		WRITE,
	),
	rule("policy", "poddisruptionbudgets", WRITE),
	rule("networking.k8s.io", "ingresses networkpolicies", WRITE),
	rule("coordination.k8s.io", "leases", ALL_OBJECT_VERBS),
	rule("events.petrel.dev", "webhookreceivers webhooksubscriptions webhooksubscriptions/replay webhooksubscriptions/test", WRITE),
];

const VIEW_RULES: PolicyRule[] = [
	rule("metrics.k8s.io", "nodes pods", READ),
	rule(
		"core",
		"configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
		READ,
	),
	rule("core", "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status", READ),
	rule("core", "namespaces", READ),
	rule("discovery.k8s.io", "endpointslices", READ),
	rule(
		"apps",
		"controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
		READ,
	),
	rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", READ),
	rule("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
	rule(
		"extensions",
		"daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
		READ,
	),
	rule("policy", "poddisruptionbudgets poddisruptionbudgets/status", READ),
	rule("networking.k8s.io", "ingresses ingresses/status networkpolicies", READ),
	rule("events.petrel.dev", "webhookreceivers webhookreceivers/status webhooksubscriptions webhooksubscriptions/deadletters webhooksubscriptions/status", READ),
];

const NODE_RULES: PolicyRule[] = [
	TOKEN_REVIEWS,
	rule("authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews", "create"),
	rule("core", "services", READ),
	rule("core", "nodes", "create get list watch"),
	rule("core", "nodes/status", "patch update"),
	rule("core", "nodes", "patch update"),
	rule("core", "events", EVENT_VERBS),
	rule("core", "pods", READ),
	rule("core", "pods", "create delete"),
	rule("core", "pods/status", "patch update"),
	rule("core", "pods/eviction", "create"),
	rule("core", "configmaps secrets", READ),
	rule("core", "persistentvolumeclaims persistentvolumes", "get"),
	rule("core", "endpoints", "get"),
	rule("certificates.k8s.io", "certificatesigningrequests", "create get list watch"),
	rule("coordination.k8s.io", "leases", "create delete get patch update"),
	rule("storage.k8s.io", "volumeattachments", "get"),
	rule("core", "serviceaccounts/token", "create"),
	rule("core", "persistentvolumeclaims/status", "get patch update"),
	rule("storage.k8s.io", "csidrivers", READ),
	rule("storage.k8s.io", "csinodes", "create delete get patch update"),
	rule("node.k8s.io", "runtimeclasses", READ),
	rule("resource.k8s.io", "resourceclaims", "get"),
	rule("resource.k8s.io", "resourceslices", "deletecollection"),
];

const SCHEDULER_RULES: PolicyRule[] = [
	EVENTS,
	rule("coordination.k8s.io", "leases", "create"),
	rule("coordination.k8s.io", "leases", "get list update watch", "kube-scheduler"),
	rule("coordination.k8s.io", "leasecandidates", ALL_OBJECT_VERBS),
	rule("core", "nodes", READ),
	rule("core", "pods", "delete get list watch"),
	rule("core", "bindings pods/binding", "create"),
	rule("core", "pods/status", "patch update"),
	rule("core", "replicationcontrollers services", READ),
	rule("apps extensions", "replicasets", READ),
	rule("apps", "statefulsets", READ),
	rule("policy", "poddisruptionbudgets", READ),
	rule("core", "persistentvolumeclaims persistentvolumes", READ),
	TOKEN_REVIEWS,
	ACCESS_REVIEWS,
	rule("storage.k8s.io", "csinodes", READ),
	rule("storage.k8s.io", "volumeattachments", READ),
	rule("core", "namespaces", READ),
	rule("storage.k8s.io", "csidrivers", READ),
	rule("storage.k8s.io", "csistoragecapacities", READ),
	rule("resource.k8s.io", "deviceclasses", READ),
	rule("resource.k8s.io", "resourceclaims", "get list patch update watch"),
	rule("resource.k8s.io", "resourceclaims/status", "get list patch update watch"),
	rule("core", "pods/finalizers", "get list patch update watch"),
	rule("resource.k8s.io", "resourceslices", READ),
];

const CONTROLLER_MANAGER_RULES: PolicyRule[] = [
	EVENTS,
	rule("coordination.k8s.io", "leases", "create"),
	rule("coordination.k8s.io", "leases", "get update", "kube-controller-manager"),
	rule("core", "secrets serviceaccounts", "create"),
	rule("core", "secrets", "delete"),
	rule("core", "configmaps namespaces secrets serviceaccounts", "get"),
	rule("core", "secrets serviceaccounts", "update"),
	TOKEN_REVIEWS,
	ACCESS_REVIEWS,
	rule("*", "*", "list watch"),
	rule("core", "serviceaccounts/token", "create"),
];

const approver = (name: string, signer: string): ClusterRole =>
	clusterRole(`system:certificates.k8s.io:${name}`, [rule("certificates.k8s.io", "signers", "approve", `kubernetes.io/${signer}`)]);

function plainClusterRoles(): ClusterRole[] {
	return [
		clusterRole("cluster-admin", [rule("*", "*", "*"), paths("*", "*")]),
		clusterRole("system:aggregate-to-admin", ADMIN_RULES, "admin"),
		clusterRole("system:aggregate-to-edit", EDIT_RULES, "edit"),
		clusterRole("system:aggregate-to-view", VIEW_RULES, "view"),
		clusterRole("system:auth-delegator", [TOKEN_REVIEWS, ACCESS_REVIEWS]),
		clusterRole("system:basic-user", [
			rule("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
			rule("authentication.k8s.io", "selfsubjectreviews", "create"),
		]),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:nodeclient", [
			rule("certificates.k8s.io", "certificatesigningrequests/nodeclient", "create"),
		]),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", [
			rule("certificates.k8s.io", "certificatesigningrequests/selfnodeclient", "create"),
		]),
		approver("kube-apiserver-client-approver", "kube-apiserver-client"),
		approver("kube-apiserver-client-kubelet-approver", "kube-apiserver-client-kubelet"),
		approver("kubelet-serving-approver", "kubelet-serving"),
		approver("legacy-unknown-approver", "legacy-unknown"),
		clusterRole("system:discovery", [paths("/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/", "get")]),
		clusterRole("system:heapster", [rule("core", "events namespaces nodes pods", READ), rule("extensions", "deployments", READ)]),
		clusterRole("system:kube-aggregator", [rule("core", "endpoints services", READ)]),
		clusterRole("system:kube-controller-manager", CONTROLLER_MANAGER_RULES),
		clusterRole("system:kube-dns", [rule("core", "endpoints services", "list watch")]),
		clusterRole("system:kube-scheduler", SCHEDULER_RULES),
		clusterRole("system:kubelet-api-admin", [
			rule("core", "nodes", READ),
			rule("core", "nodes", "proxy"),
			rule("core", "nodes/log nodes/metrics nodes/proxy nodes/stats", "*"),
		]),
		clusterRole("system:monitoring", [paths("/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*", "get")]),
		clusterRole("system:node", NODE_RULES),
		clusterRole("system:node-bootstrapper", [rule("certificates.k8s.io", "certificatesigningrequests", "create get list watch")]),
		clusterRole("system:node-problem-detector", [rule("core", "nodes", "get"), rule("core", "nodes/status", "patch"), EVENTS]),
		clusterRole("system:node-proxier", [
			rule("core", "endpoints services", "list watch"),
			rule("core", "nodes", READ),
			EVENTS,
			rule("discovery.k8s.io", "endpointslices", "list watch"),
		]),
		clusterRole("system:persistent-volume-provisioner", [
			rule("core", "persistentvolumes", "create delete get list watch"),
			rule("core", "persistentvolumeclaims", "get list update watch"),
			rule("storage.k8s.io", "storageclasses", READ),
			rule("core", "events", "watch"),
			EVENTS,
		]),
		clusterRole("system:public-info-viewer", [paths("/healthz /livez /readyz /version /version/", "get")]),
		clusterRole("system:service-account-issuer-discovery", [
			paths("/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/", "get"),
		]),
		clusterRole("system:volume-scheduler", [
			rule("core", "persistentvolumes", "get list patch update watch"),
			rule("storage.k8s.io", "storageclasses", READ),
			rule("core", "persistentvolumeclaims", "get list patch update watch"),
		]),
	];
}

/** The default ClusterRoles, aggregated ones with their rules filled in. */
export function bootstrapClusterRoles(): ClusterRole[] {
	const roles = plainClusterRoles();
	// Each aggregates the one before it, so they are filled in this order.
	for (const role of [aggregated("view", "view", "edit"), aggregated("edit", "edit", "admin"), aggregated("admin", "admin")]) {
		roles.push({ ...role, rules: aggregatedRules(role, roles) });
	}
	return [...roles, ...Object.entries(CONTROLLER_RULES).map(([account, rules]) => clusterRole(CONTROLLER_PREFIX + account, [...rules]))];
}

const group = (name: string): RbacV1Subject => ({ kind: "Group", apiGroup: RBAC_GROUP, name });

const binding = (name: string, subjects: RbacV1Subject[], role = name): ClusterRoleBinding => ({
	apiVersion: API_VERSION,
	kind: "ClusterRoleBinding",
	metadata: bootstrapMeta(name),
	subjects,
	roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name: role },
});

/** The default ClusterRoleBindings. As upstream since 1.8, nothing is bound to system:node: the node authorizer decides. */
export function bootstrapClusterRoleBindings(): ClusterRoleBinding[] {
	const { subjects: _, ...node } = binding("system:node", []);
	return [
		binding("cluster-admin", [group("system:masters")]),
		binding("system:monitoring", [group("system:monitoring")]),
		binding("system:discovery", [group("system:authenticated")]),
		binding("system:basic-user", [group("system:authenticated")]),
		binding("system:public-info-viewer", [group("system:authenticated"), group("system:unauthenticated")]),
		binding("system:node-proxier", [userSubject("system:kube-proxy")]),
		binding("system:kube-controller-manager", [userSubject("system:kube-controller-manager")]),
		binding("system:kube-dns", [accountSubject("kube-dns")]),
		binding("system:kube-scheduler", [userSubject("system:kube-scheduler")]),
		binding("system:volume-scheduler", [userSubject("system:kube-scheduler")]),
		binding("system:service-account-issuer-discovery", [group("system:serviceaccounts")]),
		node,
		...Object.keys(CONTROLLER_RULES).map((account) => binding(CONTROLLER_PREFIX + account, [accountSubject(account)])),
	];
}
