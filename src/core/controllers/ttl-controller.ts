/** Tells kubelets by an annotation for how long they may use a ConfigMap or Secret unasked (k8s.io/kubernetes/pkg/controller/ttl). */
import type { Node } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";

const NODES = "nodes";
const TTL_ANNOTATION = "node.alpha.kubernetes.io/ttl";
/** Seconds, by how many nodes there are at most. */
const TTL_SECONDS: readonly [nodes: number, seconds: number][] = [
	[100, 0],
	[500, 15],
	[1000, 30],
	[2000, 60],
	[Number.POSITIVE_INFINITY, 300],
];

export const ttlController: Controller = {
	name: "ttl",
	watches: [{ resource: NODES, keys: ({ old, object }) => (object !== undefined && old === undefined ? [nameOf(object)] : []) }],
	reconcile,
};

function reconcile(key: string, view: View): ReconcileResult {
	const node = view.get<Node>(NODES, key);
	if (node === undefined || isBeingDeleted(node)) return NOTHING;
	const count = view.list(NODES).length;
	const ttl = String(TTL_SECONDS.find(([nodes]) => count <= nodes)?.[1] ?? 0);
	if (node.metadata.annotations?.[TTL_ANNOTATION] === ttl) return NOTHING;
	const draft = draftOf(node);
	draft.metadata.annotations = { ...draft.metadata.annotations, [TTL_ANNOTATION]: ttl };
	return { actions: [{ type: "update", resource: NODES, object: draft }] };
}
