/** Hands bound pods to their Node objects, with the ConfigMaps and Secrets they name, and takes back those that are gone. */
import type { KubeObject } from "../meta/object.ts";
import type { ConfigMap, Pod, Secret } from "../schema/kubernetes.d.ts";
import type { Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { NOTHING } from "./controller.ts";
import { nameOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { changedForNode, podKey, podOfKey } from "./pod-change.ts";
import { type PodReferences, referencesOf } from "./pod-references.ts";
import { isFinished } from "./pod-state.ts";

const PODS = "pods";

export const podAssignmentController: Controller = {
	name: "pod-assignment",
	watches: [
		{ resource: PODS, keys: keysOfPod },
		{ resource: "configmaps", keys: (change, view) => readersOf(change, view, "configMaps") },
		{ resource: "secrets", keys: (change, view) => readersOf(change, view, "secrets") },
	],
	reconcile,
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

function sameContent(old: KubeObject, object: KubeObject): boolean {
	const content = ({ metadata: _metadata, ...rest }: KubeObject) => rest;
	return semanticEqual(content(old), content(object));
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const { ref, node, pod } = podOfKey(key, view, ctx.namespace);
	if (node === "") return NOTHING;
	const to = { object: "node", name: node } as const;
	if (pod === undefined) return { actions: [{ type: "send", message: { to, body: { type: "unassign", pods: [ref] } } }] };
	const { configMaps, secrets } = referencesOf(pod);
	const body = {
		type: "assign" as const,
		pods: [pod],
		configMaps: found<ConfigMap>(view, "configmaps", configMaps),
		secrets: found<Secret>(view, "secrets", secrets),
	};
	return { actions: [{ type: "send", message: { to, body } }] };
}

function found<T extends KubeObject>(view: View, resource: string, names: ReadonlySet<string>): T[] {
	return [...names].map((name) => view.get<T>(resource, name)).filter((object) => object !== undefined);
}
