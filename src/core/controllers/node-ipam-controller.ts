/** Gives each node its range of pod addresses out of the cluster's; a range is free again when its node is gone (nodeipam). */
import type { Node } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";

const NODES = "nodes";
/** 10.244.0.0/16 in ranges of /24. */
const RANGE_PREFIX = "10.244";
const RANGES = 256;

export const nodeIpamController: Controller = {
	name: "node-ipam",
	watches: [{ resource: NODES, keys: nodesInNeed }],
	reconcile,
};

const lacksRange = (node: Node): boolean => !node.spec?.podCIDR && !isBeingDeleted(node);

/** A node that went may have freed a range for those that wait. */
function nodesInNeed({ object }: ObjectChange, view: View): string[] {
	const candidates = object === undefined ? view.list<Node>(NODES) : [object as Node];
	return candidates.filter(lacksRange).map(nameOf);
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const node = view.get<Node>(NODES, key);
	if (node === undefined || !lacksRange(node)) return NOTHING;
	const taken = new Set(view.list<Node>(NODES).flatMap(({ spec }) => [...(spec?.podCIDRs ?? []), ...(spec?.podCIDR ? [spec.podCIDR] : [])]));
	// From a random place on: two clusters with a node on one machine then rarely give out the same addresses.
	const start = Math.floor(ctx.random() * RANGES);
	const free = Array.from({ length: RANGES }, (_, i) => `${RANGE_PREFIX}.${(start + i) % RANGES}.0/24`).find((range) => !taken.has(range));
	if (free === undefined) {
		return {
			actions: [{ type: "event", about: node, eventType: "Normal", reason: "CIDRNotAvailable", message: `Node ${key} status is now: CIDRNotAvailable` }],
		};
	}
	const draft = draftOf(node);
	draft.spec = { ...draft.spec, podCIDR: free, podCIDRs: [free] };
	return { actions: [{ type: "update", resource: NODES, object: draft }] };
}
