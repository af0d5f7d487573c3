/** Decides requests by RBAC and, for agents, by the node authoriser; the policy is built again only when it changed. */
import { type Attributes, forbiddenRequest, type ResourceAttributes } from "../core/authz/attributes.ts";
import { authorizeNode, nodeNameOf } from "../core/authz/node-authorizer.ts";
import { authorize, buildRbacPolicy, checkBindingEscalation, checkRoleEscalation, type RbacObjects, type RbacPolicy } from "../core/authz/rbac.ts";
import { semanticEqual } from "../core/meta/equality.ts";
import { GROUP_MASTERS } from "../core/protocol/tokens.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { UserInfo } from "../core/api/request.ts";
import type { ClusterConfig } from "../core/protocol/messages.ts";
import { claimNames } from "../core/scheduler/volume-objects.ts";
import { referencesOf, resourceClaimsOf } from "../core/controllers/pod-references.ts";
import type {
	ClusterRole,
	ClusterRoleBinding,
	PersistentVolume,
	Pod,
	ResourceSlice,
	Role,
	RoleBinding,
	VolumeAttachment,
} from "../core/schema/kubernetes.d.ts";
import type { Store } from "../store/store.ts";

const GROUP = "rbac.authorization.k8s.io";
const ALL_RBAC = ["clusterroles", "clusterrolebindings", "roles", "rolebindings"].map((plural) => `${GROUP}/${plural}`);

export interface Authorizer {
	policy(): RbacPolicy;
	decide(user: UserInfo, attributes: Attributes): { allowed: boolean; reason: string };
	/** Throws the 403 of a refused request. */
	check(user: UserInfo, attributes: Omit<ResourceAttributes, "namespace"> & { namespace?: string }): void;
	/** Throws 403 when a role or binding would hand out more than the writer holds. */
	checkGrant(user: UserInfo, resource: string, object: KubeObject, old?: KubeObject): void;
	/** A role or binding was written: the policy is built again when it is next asked. */
	changed(resource: string): void;
}

function authorizerOf(namespace: string, objects: () => RbacObjects, references: (node: string, resource: string, name: string) => boolean): Authorizer {
	let policy: RbacPolicy | undefined;
	const current = (): RbacPolicy => {
		policy ??= buildRbacPolicy(objects());
		return policy;
	};
	const decide: Authorizer["decide"] = (user, attributes) => {
		const node = nodeNameOf(user);
		if (node !== undefined) {
			const graph = { references: (resource: string, where: string, name: string) => where === namespace && references(node, resource, name) };
			const decision = authorizeNode(node, attributes, graph);
			if (decision.allowed) return decision;
			const { allowed, reason } = authorize(user, attributes, current());
			return { allowed, reason: [decision.reason, reason].filter((text) => text !== "").join(", ") };
		}
		return authorize(user, attributes, current());
	};
	return {
		policy: current,
		decide,
		check(user, attributes) {
			const asked = { ...attributes, namespace: attributes.namespace ?? namespace };
			const { allowed, reason } = decide(user, asked);
			if (!allowed) throw forbiddenRequest(user, asked, reason);
		},
		checkGrant(user, resource, object, old) {
			const write = { resource: resource.slice(GROUP.length + 1), namespace, name: object.metadata.name ?? "" };
			// As upstream: whoever may do everything is not asked. The policy would be built for it.
			if (user.groups.includes(GROUP_MASTERS)) return;
			if (!ALL_RBAC.includes(resource) || (old !== undefined && semanticEqual(granted(object), granted(old)))) return;
			if (resource.endsWith("bindings")) checkBindingEscalation(user, write, (object as RoleBinding).roleRef, current());
			else checkRoleEscalation(user, write, (object as Role).rules ?? [], current(), (object as ClusterRole).aggregationRule !== undefined);
		},
		changed(resource) {
			if (resource === "" || ALL_RBAC.includes(resource)) policy = undefined;
		},
	};
}

/** The part of a role or binding that hands something out. */
const granted = ({ rules, aggregationRule, roleRef }: KubeObject & Partial<ClusterRole & RoleBinding>) => ({ rules, aggregationRule, roleRef });

export function namespaceAuthorizer(namespace: string, store: () => Store, config: () => ClusterConfig | undefined): Authorizer {
	const objects = (): RbacObjects => ({
		clusterRoles: (config()?.objects[`${GROUP}/clusterroles`] ?? []) as ClusterRole[],
		clusterRoleBindings: (config()?.objects[`${GROUP}/clusterrolebindings`] ?? []) as ClusterRoleBinding[],
		roles: store().list<Role>(`${GROUP}/roles`),
		roleBindings: store().list<RoleBinding>(`${GROUP}/rolebindings`),
	});
	return authorizerOf(namespace, objects, (node, resource, name) => nodeRefersTo(store(), node, resource, name));
}

/** The claims of the pods of a namespace that were placed on a node. */
export type PlacedClaims = (node: string, namespace: string) => readonly string[];

export function clusterAuthorizer(store: () => Store, placed: PlacedClaims): Authorizer {
	const objects = (): RbacObjects => ({
		clusterRoles: store().list<ClusterRole>(`${GROUP}/clusterroles`),
		clusterRoleBindings: store().list<ClusterRoleBinding>(`${GROUP}/clusterrolebindings`),
		roles: [],
		roleBindings: [],
	});
	return authorizerOf("", objects, (node, resource, name) => nodeHolds(store(), placed, node, resource, name));
}

/** Of the cluster's objects: a volume through the claim of a pod that was placed there, and what names the node itself. */
function nodeHolds(store: Store, placed: PlacedClaims, node: string, resource: string, name: string): boolean {
	if (resource === "volumeattachments") return store.get<VolumeAttachment>("storage.k8s.io/volumeattachments", name)?.spec.nodeName === node;
	if (resource === "resourceslices") return store.get<ResourceSlice>("resource.k8s.io/resourceslices", name)?.spec.nodeName === node;
	if (resource !== "persistentvolumes") return false;
	const claim = store.get<PersistentVolume>("persistentvolumes", name)?.spec?.claimRef;
	return claim !== undefined && placed(node, claim.namespace ?? "").includes(claim.name ?? "");
}

/** Whether a pod bound to the node is, or names, the object. */
function nodeRefersTo(store: Store, node: string, resource: string, name: string): boolean {
	if (resource === "pods") return store.get<Pod>("pods", name)?.spec?.nodeName === node;
	const onNode = store.list<Pod>("pods", { matcher: { matches: (_name, summary) => summary.fields["spec.nodeName"] === node } });
	return onNode.some((pod) => {
		const { configMaps, secrets } = referencesOf(pod);
		if (resource === "configmaps") return configMaps.has(name);
		if (resource === "secrets") return secrets.has(name);
		if (resource === "persistentvolumeclaims") return claimNames(pod).some((claim) => claim.name === name);
		if (resource === "resourceclaims") return resourceClaimsOf(pod).includes(name);
		return resource === "serviceaccounts" && (pod.spec?.serviceAccountName ?? "default") === name;
	});
}
