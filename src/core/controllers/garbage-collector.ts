/**
 * Deletes what has lost its owners, in the background or before the owner goes (k8s.io/kubernetes/pkg/controller/garbagecollector).
 * A key names one object, `resource/name#uid`, that may be gone: its dependents are looked at, then itself.
 */
import type { KindRegistry } from "../kinds/define-kind.ts";
import type { KubeObject, OwnerReference, ResourceName } from "../meta/object.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, setMetadataList, uidOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { ownerStates, resourceForOwner } from "./owner-state.ts";

export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";
/** Dependents handled in one reconcile. */
export const DEPENDENTS_PER_RECONCILE_MAX = 500;

interface Found {
	resource: ResourceName;
	object: KubeObject;
}

export function garbageCollector(registry: KindRegistry): Controller {
	return {
		name: "generic-garbage-collector",
		watches: [{ resource: "*", keys: (change, view) => keysOf(change, view, registry) }],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, registry),
	};
}

const keyOf = (resource: ResourceName, object: KubeObject): string => `${resource}/${nameOf(object)}#${uidOf(object)}`;
const hasFinalizer = (object: KubeObject, finalizer: string): boolean => object.metadata.finalizers?.includes(finalizer) ?? false;
const isWaitingForDependents = (object: KubeObject): boolean => isBeingDeleted(object) && hasFinalizer(object, FOREGROUND);

function keysOf({ resource, old, object }: ObjectChange, view: View, registry: KindRegistry): string[] {
	const changed = object ?? old;
	if (changed === undefined) return [];
	const namespace = changed.metadata.namespace ?? "";
	const owners = [...(old?.metadata.ownerReferences ?? []), ...(object?.metadata.ownerReferences ?? [])];
	if (object === undefined) return [keyOf(resource, changed), ...waitingOwners(owners, namespace, view, registry)];
	const startsToGo = isBeingDeleted(object) && !(old && isBeingDeleted(old) && semanticEqual(old.metadata.finalizers, object.metadata.finalizers));
	const newOwners = owners.length > 0 && !semanticEqual(old?.metadata.ownerReferences, object.metadata.ownerReferences);
	return [...(startsToGo || newOwners ? [keyOf(resource, object)] : []), ...(newOwners ? waitingOwners(owners, namespace, view, registry) : [])];
}

/** The owners whose own deletion waits for this change. */
function waitingOwners(owners: readonly OwnerReference[], namespace: string, view: View, registry: KindRegistry): string[] {
	return owners.flatMap((reference) => {
		const resource = resourceForOwner(reference, namespace, registry);
		const owner = resource && view.get(resource, reference.name);
		return resource && owner && uidOf(owner) === reference.uid && isWaitingForDependents(owner) ? [keyOf(resource, owner)] : [];
	});
}

function reconcile(key: string, view: View, ctx: ReconcileContext, registry: KindRegistry): ReconcileResult {
	const [path = "", uid = ""] = key.split("#");
	const slash = path.lastIndexOf("/");
	const resource = path.slice(0, slash);
	const stored = view.get(resource, path.slice(slash + 1));
	const object = stored && uidOf(stored) === uid ? stored : undefined;
	if (object === undefined) return collectAll(view.ownedBy(uid), view, ctx, registry);
	if (isBeingDeleted(object) && hasFinalizer(object, ORPHAN)) return orphanDependents({ resource, object }, view);
	if (isWaitingForDependents(object)) return deleteDependentsFirst({ resource, object }, view, ctx, registry);
	const actions = collect({ resource, object }, view, ctx, registry);
	return actions.length > 0 ? { actions } : NOTHING;
}

function collectAll(dependents: Found[], view: View, ctx: ReconcileContext, registry: KindRegistry): ReconcileResult {
	const actions: Action[] = [];
	let handled = 0;
	for (const dependent of dependents) {
		const found = collect(dependent, view, ctx, registry);
		if (found.length === 0) continue;
		actions.push(...found);
		handled += 1;
		if (handled === DEPENDENTS_PER_RECONCILE_MAX) return { actions, requeueAfterMs: 0 };
	}
	return { actions };
}

/** What becomes of an object, given the state of its owners. */
function collect({ resource, object }: Found, view: View, ctx: ReconcileContext, registry: KindRegistry): Action[] {
	if (isBeingDeleted(object)) return [];
	const { solid, dangling, waiting } = ownerStates(object, view, ctx.namespace, registry);
	if (dangling.length === 0 && waiting.length === 0) return [];
	if (solid.length > 0) return [withoutOwners({ resource, object }, new Set([...dangling, ...waiting].map((owner) => owner.uid)))];
	if (waiting.length === 0) return [deletion({ resource, object }, ownPropagation(object))];
	// With dependents of its own it goes after them; where those wait for it in a circle, it no longer holds up its owner.
	const dependents = view.ownedBy(uidOf(object));
	if (dependents.length === 0) return [deletion({ resource, object }, ownPropagation(object))];
	if (dependents.some((dependent) => isWaitingForDependents(dependent.object)) && blocksOwner(object)) return [withoutBlocking({ resource, object })];
	return [deletion({ resource, object }, "Foreground")];
}

type Propagation = "Foreground" | "Background" | "Orphan";

/** What the object's finalizers already ask for. */
function ownPropagation(object: KubeObject): Propagation {
	if (hasFinalizer(object, ORPHAN)) return "Orphan";
	return hasFinalizer(object, FOREGROUND) ? "Foreground" : "Background";
}

const deletion = ({ resource, object }: Found, propagation: Propagation): Action => ({
	type: "delete",
	resource,
	name: nameOf(object),
	uid: uidOf(object),
	propagation,
});

function withoutOwners({ resource, object }: Found, uids: ReadonlySet<string>): Action {
	const draft = draftOf(object);
	setMetadataList(
		draft,
		"ownerReferences",
		(draft.metadata.ownerReferences ?? []).filter((owner) => !uids.has(owner.uid)),
	);
	return { type: "update", resource, object: draft };
}

const blocksOwner = (object: KubeObject): boolean => object.metadata.ownerReferences?.some((owner) => owner.blockOwnerDeletion === true) ?? false;

function withoutBlocking({ resource, object }: Found): Action {
	const draft = draftOf(object);
	for (const owner of draft.metadata.ownerReferences ?? []) owner.blockOwnerDeletion = false;
	return { type: "update", resource, object: draft };
}

function withoutFinalizer({ resource, object }: Found, finalizer: string): Action {
	const draft = draftOf(object);
	setMetadataList(
		draft,
		"finalizers",
		(draft.metadata.finalizers ?? []).filter((name) => name !== finalizer),
	);
	return { type: "update", resource, object: draft };
}

/** The owner goes when no dependent that blocks it is left. */
function deleteDependentsFirst(owner: Found, view: View, ctx: ReconcileContext, registry: KindRegistry): ReconcileResult {
	const uid = uidOf(owner.object);
	const dependents = view.ownedBy(uid);
	const blocks = ({ object }: Found): boolean => object.metadata.ownerReferences?.some((o) => o.uid === uid && o.blockOwnerDeletion === true) ?? false;
	if (!dependents.some(blocks)) {
		const others = collectAll(dependents, view, ctx, registry);
		return { ...others, actions: [...others.actions, withoutFinalizer(owner, FOREGROUND)] };
	}
	return collectAll(dependents, view, ctx, registry);
}

function orphanDependents(owner: Found, view: View): ReconcileResult {
	const uids = new Set([uidOf(owner.object)]);
	const dependents = view.ownedBy(uidOf(owner.object));
	const batch = dependents.slice(0, DEPENDENTS_PER_RECONCILE_MAX).map((dependent) => withoutOwners(dependent, uids));
	if (dependents.length > DEPENDENTS_PER_RECONCILE_MAX) return { actions: batch, requeueAfterMs: 0 };
	return { actions: [...batch, withoutFinalizer(owner, ORPHAN)] };
}
