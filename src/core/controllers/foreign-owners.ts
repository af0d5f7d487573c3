/**
 * Owners that another Durable Object holds: cluster-scoped ones of namespaced objects. The Namespace object asks the Cluster
 * object once for each, hears of what becomes of it, and tells when nothing is left that it owns.
 */
import type { KindRegistry } from "../kinds/define-kind.ts";
import { type OwnerReference, resourceName } from "../meta/object.ts";
import type { ForeignOwner, ForeignOwnerState } from "../protocol/messages.ts";
import type { Action } from "./controller.ts";

/** What is known of them; undefined for one that has not been asked for, or not since the object woke. */
export interface ForeignOwners {
	state(uid: string): ForeignOwnerState | undefined;
}

export const NO_FOREIGN_OWNERS: ForeignOwners = { state: () => undefined };

const PREFIX = "foreign:";

export const foreignKey = ({ resource, name, uid }: ForeignOwner): string => `${PREFIX}${resource}/${name}#${uid}`;

export function foreignOwnerOfKey(key: string): ForeignOwner | undefined {
	if (!key.startsWith(PREFIX)) return undefined;
	const [path = "", uid = ""] = key.slice(PREFIX.length).split("#");
	const slash = path.lastIndexOf("/");
	return { resource: path.slice(0, slash), name: path.slice(slash + 1), uid };
}

/** The cluster-scoped owner that a namespaced object's reference names; undefined for any other. */
export function foreignOwnerOf({ apiVersion, kind, name, uid }: OwnerReference, namespace: string, registry: KindRegistry): ForeignOwner | undefined {
	const slash = apiVersion.indexOf("/");
	const definition = registry.byKind(slash < 0 ? "" : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
	return namespace !== "" && definition?.scope === "Cluster" ? { resource: resourceName(definition.group, definition.plural), name, uid } : undefined;
}

/** Whether the reference names a namespaced owner, which no cluster-scoped object can have. */
export function isNamespacedOwner({ apiVersion, kind }: OwnerReference, registry: KindRegistry): boolean {
	const slash = apiVersion.indexOf("/");
	return registry.byKind(slash < 0 ? "" : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind)?.scope === "Namespaced";
}

const toCluster = { object: "cluster" } as const;

export const askForOwner = (namespace: string, owner: ForeignOwner): Action => ({
	type: "send",
	message: { to: toCluster, body: { type: "wantOwner", namespace, owner } },
});

export const tellDependentsGone = (namespace: string, owner: ForeignOwner): Action => ({
	type: "send",
	message: { to: toCluster, body: { type: "dependentsGone", namespace, owner } },
});
