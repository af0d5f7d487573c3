/** Hands bound pods to their Node objects, with the ConfigMaps and Secrets they name, and takes back those that are gone. */
import type { KubeObject } from "../meta/object.ts";
import type { ConfigMap, PersistentVolumeClaim, Pod, Secret } from "../schema/kubernetes.d.ts";
import type { MessageBody } from "../protocol/messages.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, View } from "./controller.ts";
import { nameOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { changedForNode, type KeyedPod, podKey, podOfKey } from "./pod-change.ts";
import { type PodReferences, referencesOf } from "./pod-references.ts";
import { isFinished } from "./pod-state.ts";
import { claimNames } from "../scheduler/volume-objects.ts";

const PODS = "pods";

export const podAssignmentController: Controller = {
	name: "pod-assignment",
	watches: [
		{ resource: PODS, keys: keysOfPod },
		{ resource: "configmaps", keys: (change, view) => readersOf(change, view, "configMaps") },
		{ resource: "secrets", keys: (change, view) => readersOf(change, view, "secrets") },
		{ resource: "persistentvolumeclaims", keys: usersOfGrown },
	],
	reconcile: (key, view, ctx) => ({ actions: reconcileAll([key], view, ctx) }),
	reconcileAll,
};

function keysOfPod({ old, object }: ObjectChange): string[] {
	const [before, now] = [old as Pod | undefined, object as Pod | undefined];
	const pod = now ?? before;
	if (!pod?.spec?.nodeName) return [];
	return before !== undefined && now !== undefined && !changedForNode(before, now) ? [] : [podKey(pod)];
}

/** The pods on nodes that read the changed object. */
function readersOf({ old, object }: ObjectChange, view: View, kind: keyof PodReferences): string[] {
	const changed = object ?? old;
	if (changed === undefined || (old && object && sameContent(old, object))) return [];
	const name = nameOf(changed);
	const readers = view.list<Pod>(PODS).filter((pod) => pod.spec?.nodeName && !isFinished(pod) && referencesOf(pod)[kind].has(name));
	return readers.map(podKey);
}

/** A claim that waits for its node to enlarge the file system: the agents that have it are told of their pods, and look. */
function usersOfGrown({ old, object }: ObjectChange, view: View): string[] {
	const waits = (claim: KubeObject | undefined): boolean =>
		(claim as PersistentVolumeClaim | undefined)?.status?.conditions?.some(({ type, status }) => type === "FileSystemResizePending" && status === "True") ===
		true;
	if (object === undefined || !waits(object) || waits(old)) return [];
	const uses = (pod: Pod): boolean => claimNames(pod).some(({ name }) => name === nameOf(object));
	return view
		.list<Pod>(PODS)
		.filter((pod) => pod.spec?.nodeName && !isFinished(pod) && uses(pod))
		.map(podKey);
}

function sameContent(old: KubeObject, object: KubeObject): boolean {
	const content = ({ metadata: _metadata, ...rest }: KubeObject) => rest;
	return semanticEqual(content(old), content(object));
}

/** One message each way for each node. */
function reconcileAll(keys: readonly string[], view: View, ctx: ReconcileContext): Action[] {
	const keyed = keys.map((key) => podOfKey(key, view, ctx.namespace)).filter(({ node }) => node !== "");
	return [...Map.groupBy(keyed, ({ node }) => node)].flatMap(([name, ofNode]) => {
		const bodies = [unassigned(ofNode), assigned(ofNode, view)].filter((body) => body !== undefined);
		return bodies.map((body): Action => ({ type: "send", message: { to: { object: "node", name }, body } }));
	});
}

function unassigned(keyed: readonly KeyedPod[]): MessageBody | undefined {
	const gone = keyed.filter(({ pod }) => pod === undefined).map(({ ref }) => ref);
	return gone.length === 0 ? undefined : { type: "unassign", pods: gone };
}

function assigned(keyed: readonly KeyedPod[], view: View): MessageBody | undefined {
	const pods = keyed.map(({ pod }) => pod).filter((pod) => pod !== undefined);
	if (pods.length === 0) return undefined;
	const references = pods.map(referencesOf);
	return {
		type: "assign",
		pods,
		configMaps: found<ConfigMap>(view, "configmaps", new Set(references.flatMap(({ configMaps }) => [...configMaps]))),
		secrets: found<Secret>(view, "secrets", new Set(references.flatMap(({ secrets }) => [...secrets]))),
	};
}

function found<T extends KubeObject>(view: View, resource: string, names: ReadonlySet<string>): T[] {
	return [...names].map((name) => view.get<T>(resource, name)).filter((object) => object !== undefined);
}
