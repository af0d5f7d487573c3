/** The shape every Kubernetes object shares. The types of the built-in kinds are in ../schema/kubernetes.d.ts. */
import type { ObjectMeta } from "../schema/kubernetes.d.ts";

export type { ObjectMeta, OwnerReference } from "../schema/kubernetes.d.ts";

/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** An object of some kind, as it is stored and served (always JSON-safe). */
export interface KubeObject {
	apiVersion: string;
	kind: string;
	metadata: ObjectMeta;
}

/** "apps/deployments" or, in the core group, "pods": how the store and the controllers name a collection. */
export type ResourceName = string;

/** The store's name of a collection: the plural, behind its group where it has one. */
export function resourceName(group: string, plural: string): ResourceName {
	return group === "" ? plural : `${group}/${plural}`;
}

export const isJsonObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** What objects of a collection are looked for by, beside their names: one value for all who ask, since it is the index's key. */
export interface Grouping {
	resource: ResourceName;
	/** The groups that an object is in. */
	keys(object: KubeObject): readonly string[];
}
