/**
 * Deletes what has lost its owners, in the background or before the owner goes (k8s.io/kubernetes/pkg/controller/garbagecollector).
 * A key names one object, `resource/name#uid`, that may be gone: its dependents are looked at, then itself.
 */
import type { KindRegistry } from "../kinds/define-kind.ts";
import type { KubeObject, OwnerReference, ResourceName } from "../meta/object.ts";
import type { ForeignOwner } from "../protocol/messages.ts";
import {
	askForOwner,
	foreignKey,
	foreignOwnerOf,
	foreignOwnerOfKey,
	type ForeignOwners,
	isNamespacedOwner,
	NO_FOREIGN_OWNERS,
	tellDependentsGone,
} from "./foreign-owners.ts";
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

export const GARBAGE_COLLECTOR = "generic-garbage-collector";

export interface GarbageCollectorDeps {
	registry: KindRegistry;
	/** In a Namespace object: what is known of its objects' cluster-scoped owners. */
	foreignOwners?: ForeignOwners;
	/** In the Cluster object: whether dependents of the object are left in any namespace. */
	hasForeignDependents?(uid: string): boolean;
}

export function garbageCollector(deps: GarbageCollectorDeps): Controller {
	return {
		name: GARBAGE_COLLECTOR,
		watches: [{ resource: "*", keys: (change, view) => keysOf(change, view, deps.registry) }],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
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
	const foreign = owners.flatMap((reference) => foreignOwnerOf(reference, namespace, registry) ?? []).map(foreignKey);
	if (object === undefined) return [keyOf(resource, changed), ...waitingOwners(owners, namespace, view, registry), ...foreign];
	const startsToGo = isBeingDeleted(object) && !(old && isBeingDeleted(old) && semanticEqual(old.metadata.finalizers, object.metadata.finalizers));
	const newOwners = owners.length > 0 && !semanticEqual(old?.metadata.ownerReferences, object.metadata.ownerReferences);
	return [
		...(startsToGo || newOwners ? [keyOf(resource, object)] : []),
		...(newOwners ? [...waitingOwners(owners, namespace, view, registry), ...foreign] : []),
	];
}

/** The owners whose own deletion waits for this change. */
function waitingOwners(owners: readonly OwnerReference[], namespace: string, view: View, registry: KindRegistry): string[] {
	return owners.flatMap((reference) => {
		const resource = resourceForOwner(reference, namespace, registry);
		const owner = resource && view.get(resource, reference.name);
		return resource && owner && uidOf(owner) === reference.uid && isWaitingForDependents(owner) ? [keyOf(resource, owner)] : [];
	});
}

function reconcile(key: string, view: View, ctx: ReconcileContext, deps: GarbageCollectorDeps): ReconcileResult {
	const foreign = foreignOwnerOfKey(key);
	if (foreign !== undefined) return reconcileForeign(foreign, view, ctx, deps);
	const [path = "", uid = ""] = key.split("#");
	const slash = path.lastIndexOf("/");
	const resource = path.slice(0, slash);
	const stored = view.get(resource, path.slice(slash + 1));
	const object = stored && uidOf(stored) === uid ? stored : undefined;
	if (object === undefined) return collectAll(view.ownedBy(uid), view, ctx, deps);
	if (isBeingDeleted(object) && hasFinalizer(object, ORPHAN)) return orphanDependents({ resource, object }, view, deps);
	if (isWaitingForDependents(object)) return deleteDependentsFirst({ resource, object }, view, ctx, deps);
	const actions = [...collect({ resource, object }, view, ctx, deps), ...invalidOwners({ resource, object }, ctx, deps)];
	return actions.length > 0 ? { actions } : NOTHING;
}

/** The dependents of an owner that the Cluster object holds. */
function reconcileForeign(owner: ForeignOwner, view: View, ctx: ReconcileContext, deps: GarbageCollectorDeps): ReconcileResult {
	const dependents = view.ownedBy(owner.uid);
	if (dependents.length === 0) return { actions: [tellDependentsGone(ctx.namespace, owner)] };
	const state = deps.foreignOwners?.state(owner.uid);
	if (state === undefined) return { actions: [askForOwner(ctx.namespace, owner)] };
	if (state === "solid") return NOTHING;
	if (state === "orphan") return orphanBatch(dependents, owner.uid, [tellDependentsGone(ctx.namespace, owner)]);
	const collected = collectAll(dependents, view, ctx, deps);
	const isFree = state === "waiting" && !dependents.some((dependent) => blocks(dependent, owner.uid));
	return isFree ? { ...collected, actions: [...collected.actions, tellDependentsGone(ctx.namespace, owner)] } : collected;
}

/** A cluster-scoped object can have no namespaced owner: it is kept, and an Event says so. */
function invalidOwners({ object }: Found, { namespace }: ReconcileContext, { registry }: GarbageCollectorDeps): Action[] {
	if (namespace !== "" || isBeingDeleted(object)) return [];
	const invalid = (object.metadata.ownerReferences ?? []).filter((reference) => isNamespacedOwner(reference, registry));
	return invalid.map(({ apiVersion, kind, name, uid }) => ({
		type: "event",
		about: object,
		eventType: "Warning",
		reason: "OwnerRefInvalidNamespace",
		message: `ownerRef [${apiVersion}/${kind}, namespace: , name: ${name}, uid: ${uid}] does not exist in namespace ""`,
	}));
}

function collectAll(dependents: Found[], view: View, ctx: ReconcileContext, deps: GarbageCollectorDeps): ReconcileResult {
	const actions: Action[] = [];
	let handled = 0;
	for (const dependent of dependents) {
		const found = collect(dependent, view, ctx, deps);
		if (found.length === 0) continue;
		actions.push(...found);
		handled += 1;
		if (handled === DEPENDENTS_PER_RECONCILE_MAX) return { actions, requeueAfterMs: 0 };
	}
	return { actions };
}

/** What becomes of an object, given the state of its owners. */
function collect(
	{ resource, object }: Found,
	view: View,
	ctx: ReconcileContext,
	{ registry, foreignOwners = NO_FOREIGN_OWNERS }: GarbageCollectorDeps,
): Action[] {
	if (isBeingDeleted(object)) return [];
	const { solid, dangling, waiting } = ownerStates(object, view, ctx.namespace, registry, foreignOwners);
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
function deleteDependentsFirst(owner: Found, view: View, ctx: ReconcileContext, deps: GarbageCollectorDeps): ReconcileResult {
	const uid = uidOf(owner.object);
	const dependents = view.ownedBy(uid);
	const collected = collectAll(dependents, view, ctx, deps);
	if (dependents.some((dependent) => blocks(dependent, uid)) || deps.hasForeignDependents?.(uid)) return collected;
	return { ...collected, actions: [...collected.actions, withoutFinalizer(owner, FOREGROUND)] };
}

/** Whether the owner's deletion waits for this dependent. */
const blocks = ({ object }: Found, uid: string): boolean =>
	object.metadata.ownerReferences?.some((o) => o.uid === uid && o.blockOwnerDeletion === true) ?? false;

function orphanDependents(owner: Found, view: View, deps: GarbageCollectorDeps): ReconcileResult {
	const uid = uidOf(owner.object);
	return orphanBatch(view.ownedBy(uid), uid, deps.hasForeignDependents?.(uid) ? [] : [withoutFinalizer(owner, ORPHAN)]);
}

/** Takes the owner from its dependents; `last` comes with the last of them. */
function orphanBatch(dependents: readonly Found[], uid: string, last: readonly Action[]): ReconcileResult {
	const batch = dependents.slice(0, DEPENDENTS_PER_RECONCILE_MAX).map((dependent) => withoutOwners(dependent, new Set([uid])));
	if (dependents.length > DEPENDENTS_PER_RECONCILE_MAX) return { actions: batch, requeueAfterMs: 0 };
	return { actions: [...batch, ...last] };
}
