/** Names and owners of objects, read without asking at each place whether optional metadata is there. */
import type { KubeObject, OwnerReference } from "../meta/object.ts";
import { cloneJson } from "../meta/clone.ts";

export const nameOf = (object: KubeObject): string => object.metadata.name ?? "";
export const namespaceOf = (object: KubeObject): string => object.metadata.namespace ?? "";
export const uidOf = (object: KubeObject): string => object.metadata.uid ?? "";
export const labelsOf = (object: KubeObject): Record<string, string> => object.metadata.labels ?? {};
export const isBeingDeleted = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

/** metav1.NewControllerRef: the reference that a controlling owner puts on what it makes. */
export function controllerReference(owner: KubeObject): OwnerReference {
	return { apiVersion: owner.apiVersion, kind: owner.kind, name: nameOf(owner), uid: uidOf(owner), controller: true, blockOwnerDeletion: true };
}

/** A deep copy, for changing what a view returned. */
export const draftOf = <T>(object: T): T => cloneJson(object);

/** Sets a list in metadata, or takes it away when nothing is left in it. Mutates. */
export function setMetadataList<K extends "ownerReferences" | "finalizers">(object: KubeObject, key: K, list: NonNullable<KubeObject["metadata"][K]>): void {
	if (list.length > 0) object.metadata[key] = list;
	else delete object.metadata[key];
}
