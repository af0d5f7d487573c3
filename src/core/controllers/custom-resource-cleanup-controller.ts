/** A Namespace object's part in the end of a CustomResourceDefinition: deletes the objects of its kind and tells when none is left. */
import type { ResourceName } from "../meta/object.ts";
import { type Action, type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { isBeingDeleted, nameOf, uidOf } from "./identity.ts";

export const CUSTOM_RESOURCE_CLEANUP = "custom-resource-cleanup";
/** Objects deleted in one reconcile. */
const DELETIONS_PER_RECONCILE_MAX = 500;

/** A definition that is going away. */
export interface TerminatingDefinition {
	name: string;
	uid: string;
	resource: ResourceName;
}

export interface CleanupDeps {
	terminatingDefinitions(): readonly TerminatingDefinition[];
}

/** The keys are names of definitions: the Cluster object's message queues them, and each object that goes. */
export function customResourceCleanupController(deps: CleanupDeps): Controller {
	return {
		name: CUSTOM_RESOURCE_CLEANUP,
		watches: [
			{
				resource: "*",
				keys: ({ resource, object }) =>
					object === undefined
						? deps
								.terminatingDefinitions()
								.filter((definition) => definition.resource === resource)
								.map(({ name }) => name)
						: [],
			},
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

function reconcile(key: string, view: View, { namespace }: ReconcileContext, deps: CleanupDeps): ReconcileResult {
	const definition = deps.terminatingDefinitions().find(({ name }) => name === key);
	if (definition === undefined) return NOTHING;
	const { resource, uid } = definition;
	const instances = view.list(resource);
	if (instances.length === 0) {
		const body = { type: "instancesDeleted" as const, namespace, definition: key, uid };
		return { actions: [{ type: "send", message: { to: { object: "cluster" }, body } }] };
	}
	const doomed = instances.filter((object) => !isBeingDeleted(object));
	const actions = doomed
		.slice(0, DELETIONS_PER_RECONCILE_MAX)
		.map((object): Action => ({ type: "delete", resource, name: nameOf(object), uid: uidOf(object) }));
	return { actions, ...(doomed.length > actions.length ? { requeueAfterMs: 0 } : {}) };
}
