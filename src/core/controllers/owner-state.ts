/** Whether the owners that an object names are there. */
import type { KindRegistry } from "../kinds/define-kind.ts";
import type { KubeObject, OwnerReference } from "../meta/object.ts";
import { resourceName } from "../meta/object.ts";
import type { ForeignOwnerState } from "../protocol/messages.ts";
import { foreignOwnerOf, type ForeignOwners } from "./foreign-owners.ts";
import type { View } from "./controller.ts";
import { isBeingDeleted, uidOf } from "./identity.ts";

export interface OwnerStates {
	/** There, or out of sight: owners of kinds that are not known, and those that another object was not yet asked of, are taken to be there. */
	solid: OwnerReference[];
	/** Gone, or another object by that name. */
	dangling: OwnerReference[];
	/** Being deleted after its dependents. */
	waiting: OwnerReference[];
}

export function ownerStates(object: KubeObject, view: View, namespace: string, registry: KindRegistry, foreign: ForeignOwners): OwnerStates {
	const states: OwnerStates = { solid: [], dangling: [], waiting: [] };
	for (const reference of object.metadata.ownerReferences ?? []) states[stateOf(reference, view, namespace, registry, foreign)].push(reference);
	return states;
}

const FOREIGN_STATES: Readonly<Record<ForeignOwnerState, keyof OwnerStates>> = { solid: "solid", gone: "dangling", waiting: "waiting", orphan: "solid" };

function stateOf(reference: OwnerReference, view: View, namespace: string, registry: KindRegistry, foreign: ForeignOwners): keyof OwnerStates {
	if (foreignOwnerOf(reference, namespace, registry) !== undefined) return FOREIGN_STATES[foreign.state(reference.uid) ?? "solid"];
	const resource = resourceForOwner(reference, namespace, registry);
	if (resource === undefined) return "solid";
	const owner = view.get(resource, reference.name);
	if (owner === undefined || uidOf(owner) !== reference.uid) return "dangling";
	return isBeingDeleted(owner) && owner.metadata.finalizers?.includes("foregroundDeletion") ? "waiting" : "solid";
}

/** The owner's collection, if this store (a namespace's, or the cluster's with namespace "") holds it. */
export function resourceForOwner({ apiVersion, kind }: OwnerReference, namespace: string, registry: KindRegistry): string | undefined {
	const slash = apiVersion.indexOf("/");
	const definition = registry.byKind(slash < 0 ? "" : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
	const heldHere = definition !== undefined && (definition.scope === "Namespaced") === (namespace !== "");
	return heldHere ? resourceName(definition.group, definition.plural) : undefined;
}
