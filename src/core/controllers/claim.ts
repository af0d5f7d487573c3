/**
 * How a controller takes in orphans that its selector matches and lets go of what it no longer matches
 * (k8s.io/kubernetes/pkg/controller, controller_ref_manager).
 */
import type { KubeObject, ResourceName } from "../meta/object.ts";
import { type Action, controllerOf } from "./controller.ts";
import { controllerReference, draftOf, isBeingDeleted, labelsOf, setMetadataList, uidOf } from "./identity.ts";

export interface Claimed<T> {
	/** What the owner controls once the actions are done; adopted ones as they will be. */
	owned: T[];
	actions: Action[];
}

/** `candidates` may hold objects of other owners: they are left alone. */
export function claim<T extends KubeObject>(
	owner: KubeObject,
	selector: { matches(labels: Record<string, string>): boolean },
	resource: ResourceName,
	candidates: readonly T[],
): Claimed<T> {
	const owned: T[] = [];
	const actions: Action[] = [];
	for (const object of candidates) {
		const controller = controllerOf(object);
		const matches = selector.matches(labelsOf(object));
		if (controller !== undefined && controller.uid !== uidOf(owner)) continue;
		if (controller !== undefined && matches) {
			owned.push(object);
		} else if (controller !== undefined) {
			if (!isBeingDeleted(owner)) actions.push({ type: "update", resource, object: released(object, owner) });
		} else if (matches && !isBeingDeleted(owner) && !isBeingDeleted(object)) {
			const claimed = adopted(object, owner);
			owned.push(claimed);
			actions.push({ type: "update", resource, object: claimed });
		}
	}
	return { owned, actions };
}

function adopted<T extends KubeObject>(object: T, owner: KubeObject): T {
	const draft = draftOf(object);
	draft.metadata.ownerReferences = [...(draft.metadata.ownerReferences ?? []).filter((o) => o.uid !== uidOf(owner)), controllerReference(owner)];
	return draft;
}

function released<T extends KubeObject>(object: T, owner: KubeObject): T {
	const draft = draftOf(object);
	setMetadataList(
		draft,
		"ownerReferences",
		(draft.metadata.ownerReferences ?? []).filter((o) => o.uid !== uidOf(owner)),
	);
	return draft;
}
