/**
 * What a node's agent may do (k8s.io/kubernetes/plugin/pkg/auth/authorizer/node together with the NodeRestriction
 * admission plugin): only its own Node and Lease, its own pods, and what those pods refer to.
 */
import type { UserInfo } from "../api/request.ts";
import { GROUP_NODES } from "../protocol/tokens.ts";
import type { PolicyRule } from "../schema/kubernetes.d.ts";
import { type Attributes, type Decision, isPathRequest, type ResourceAttributes } from "./attributes.ts";
import { ruleAllows } from "./policy-rule.ts";

const NODE_USER_PREFIX = "system:node:";
const LEASE_NAMESPACE = "kube-node-lease";

/** What the authorizer must know of the pods bound to the node. */
export interface NodeGraph {
	/** Whether a pod on this node refers to the object ("pods": whether the pod itself is bound here), or the object itself names the node. */
	references(resource: string, namespace: string, name: string): boolean;
}

/** The node's name, when the user is a node's agent. */
export function nodeNameOf(user: UserInfo): string | undefined {
	if (!user.name.startsWith(NODE_USER_PREFIX) || !user.groups.includes(GROUP_NODES)) return undefined;
	return user.name.slice(NODE_USER_PREFIX.length) || undefined;
}

const READ = ["get", "list", "watch"];

/** What every node may do whatever it holds: the rules of system:node that concern no particular object. */
const COMMON_RULES: readonly PolicyRule[] = [
	{ verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"] },
	{ verbs: ["create"], apiGroups: ["authorization.k8s.io"], resources: ["localsubjectaccessreviews", "subjectaccessreviews"] },
	{ verbs: READ, apiGroups: [""], resources: ["services"] },
	{ verbs: ["create", "patch", "update"], apiGroups: [""], resources: ["events"] },
	{ verbs: ["create", "get", "list", "watch"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] },
	{ verbs: READ, apiGroups: ["storage.k8s.io"], resources: ["csidrivers"] },
	{ verbs: READ, apiGroups: ["node.k8s.io"], resources: ["runtimeclasses"] },
];

const ALLOWED: Decision = { allowed: true, reason: "" };
const refused = (reason: string): Decision => ({ allowed: false, reason });

/** Objects that are read only through a pod that refers to them; a list or watch must name one. */
const REFERRED: ReadonlySet<string> = new Set(["configmaps", "secrets", "persistentvolumeclaims", "persistentvolumes", "serviceaccounts"]);

function authorizeOwnNode(nodeName: string, attributes: ResourceAttributes): Decision {
	const { verb, name, subresource } = attributes;
	if (subresource !== "" && subresource !== "status") return refused(`cannot access subresource ${JSON.stringify(subresource)} of nodes`);
	if (verb === "create" && subresource === "")
		return name === "" || name === nodeName ? ALLOWED : refused(`node ${JSON.stringify(nodeName)} is not allowed to modify node ${JSON.stringify(name)}`);
	if (READ.includes(verb) && name !== nodeName) return refused(`node '${nodeName}' cannot read '${name}', only its own Node object`);
	if (name !== nodeName) return refused(`node ${JSON.stringify(nodeName)} cannot ${verb} unknown or other node`);
	const verbs = subresource === "" ? ["get", "list", "watch", "patch", "update"] : ["get", "patch", "update"];
	return verbs.includes(verb) ? ALLOWED : refused(`node ${JSON.stringify(nodeName)} cannot ${verb} nodes`);
}

/** Whether the request's field selector keeps it to what has this value. */
const selects = ({ fields = [] }: ResourceAttributes, field: string, wanted: string): boolean =>
	fields.some(({ path, operator, value }) => path === field && operator === "=" && value === wanted);

function authorizePod(nodeName: string, attributes: ResourceAttributes, graph: NodeGraph): Decision {
	const { verb, subresource, namespace, name } = attributes;
	const isRead = subresource === "" && READ.includes(verb);
	if (isRead && verb !== "get")
		return selects(attributes, "spec.nodeName", nodeName) ? ALLOWED : refused("can only list/watch pods with spec.nodeName field selector");
	if (subresource === "" && verb === "create") return ALLOWED;
	if (!graph.references("pods", namespace, name)) return refused(`no relationship found between node '${nodeName}' and this object`);
	const mayWrite =
		(subresource === "" && verb === "delete") ||
		(subresource === "status" && (verb === "get" || verb === "patch" || verb === "update")) ||
		(subresource === "eviction" && verb === "create");
	return isRead || mayWrite ? ALLOWED : refused("");
}

function authorizeLease(nodeName: string, attributes: ResourceAttributes): Decision {
	if (attributes.namespace !== LEASE_NAMESPACE) return refused(`can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`);
	if (!["get", "create", "update", "patch", "delete"].includes(attributes.verb)) return refused("can only get, create, update, patch, or delete a node lease");
	if (attributes.verb === "create" && attributes.name === "") return ALLOWED;
	return attributes.name === nodeName ? ALLOWED : refused("can only access node lease with the same name as the requesting node");
}

function authorizeReferred(nodeName: string, attributes: ResourceAttributes, graph: NodeGraph): Decision {
	const { verb, resource, subresource, namespace, name } = attributes;
	if (resource === "serviceaccounts") {
		if (subresource === "" ? verb !== "get" : subresource !== "token" || verb !== "create")
			return refused("can only create tokens for individual service accounts");
	} else if (subresource !== "") {
		const mayWriteStatus = resource === "persistentvolumeclaims" && subresource === "status" && ["get", "patch", "update"].includes(verb);
		if (!mayWriteStatus) return refused("cannot read subresource");
	} else if (resource.startsWith("persistentvolume") ? verb !== "get" : !READ.includes(verb)) {
		return refused("can only read resources of this type");
	}
	if (name === "") return refused("No Object name found");
	if (graph.references(resource, namespace, name)) return ALLOWED;
	return refused(`no relationship found between node '${nodeName}' and this object`);
}

/** Objects that are read one at a time, when the graph leads to them. */
function authorizeGet(nodeName: string, attributes: ResourceAttributes, graph: NodeGraph): Decision {
	const { verb, resource, subresource, namespace, name } = attributes;
	if (verb !== "get") return refused("can only get individual resources of this type");
	if (subresource !== "") return refused("cannot get subresource");
	if (name === "") return refused("No Object name found");
	return graph.references(resource, namespace, name) ? ALLOWED : refused(`no relationship found between node '${nodeName}' and this object`);
}

function authorizeResourceSlice(nodeName: string, attributes: ResourceAttributes, graph: NodeGraph): Decision {
	const { verb, subresource, name } = attributes;
	if (subresource !== "") return refused("cannot authorize ResourceSlice subresources");
	if (verb === "create") return ALLOWED;
	if (["get", "update", "patch", "delete"].includes(verb))
		return graph.references("resourceslices", "", name) ? ALLOWED : refused(`no relationship found between node '${nodeName}' and this object`);
	if (["list", "watch", "deletecollection"].includes(verb))
		return selects(attributes, "spec.nodeName", nodeName)
			? ALLOWED
			: refused("can only list/watch/deletecollection resourceslices with nodeName field selector");
	return refused("only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection");
}

/** What the agent of `nodeName` may do; a refusal here may still be overruled by RBAC. */
export function authorizeNode(nodeName: string, attributes: Attributes, graph: NodeGraph): Decision {
	if (isPathRequest(attributes)) return refused("");
	const { group, resource } = attributes;
	if (group === "" && resource === "nodes") return authorizeOwnNode(nodeName, attributes);
	if (group === "" && resource === "pods") return authorizePod(nodeName, attributes, graph);
	if (group === "" && REFERRED.has(resource)) return authorizeReferred(nodeName, attributes, graph);
	if (group === "resource.k8s.io" && resource === "resourceclaims") return authorizeGet(nodeName, attributes, graph);
	if (group === "resource.k8s.io" && resource === "resourceslices") return authorizeResourceSlice(nodeName, attributes, graph);
	if (group === "storage.k8s.io" && resource === "volumeattachments") return authorizeGet(nodeName, attributes, graph);
	if (group === "coordination.k8s.io" && resource === "leases") return authorizeLease(nodeName, attributes);
	if (group === "storage.k8s.io" && resource === "csinodes") {
		const isOwn = attributes.name === nodeName || (attributes.verb === "create" && attributes.name === "");
		return isOwn && ["create", "delete", "get", "patch", "update"].includes(attributes.verb)
			? ALLOWED
			: refused("can only access CSINode with the same name as the requesting node");
	}
	return COMMON_RULES.some((rule) => ruleAllows(rule, attributes)) ? ALLOWED : refused("");
}
