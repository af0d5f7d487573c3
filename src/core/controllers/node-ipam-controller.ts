/** Gives each node its ranges of pod addresses, one of each family, out of the cluster's; they are free again when the node is gone (nodeipam). */
import { addressAt, type AddressRange, addressRange, BITS } from "../meta/address-range.ts";
import type { ClusterNetwork } from "../protocol/cluster-addresses.ts";
import type { Node } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";

const NODES = "nodes";

export function nodeIpamController({ network }: { network: ClusterNetwork }): Controller {
	return {
		name: "node-ipam",
		watches: [{ resource: NODES, keys: nodesInNeed }],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, network),
	};
}

const lacksRange = (node: Node): boolean => !node.spec?.podCIDR && !isBeingDeleted(node);

/** A node that went may have freed a range for those that wait. */
function nodesInNeed({ object }: ObjectChange, view: View): string[] {
	const candidates = object === undefined ? view.list<Node>(NODES) : [object as Node];
	return candidates.filter(lacksRange).map(nameOf);
}

function reconcile(key: string, view: View, ctx: ReconcileContext, network: ClusterNetwork): ReconcileResult {
	const node = view.get<Node>(NODES, key);
	if (node === undefined || !lacksRange(node)) return NOTHING;
	const taken = new Set(view.list<Node>(NODES).flatMap(({ spec }) => [...(spec?.podCIDRs ?? []), ...(spec?.podCIDR ? [spec.podCIDR] : [])]));
	const free = network.podCidrs.map((cidr) => {
		const range = addressRange(cidr);
		return range && freeRange(range, network.nodeMaskSizes[range.family], taken, ctx.random());
	});
	const podCIDRs = free.filter((range) => range !== undefined);
	if (podCIDRs.length < network.podCidrs.length) {
		return {
			actions: [{ type: "event", about: node, eventType: "Normal", reason: "CIDRNotAvailable", message: `Node ${key} status is now: CIDRNotAvailable` }],
		};
	}
	const draft = draftOf(node);
	draft.spec = { ...draft.spec, podCIDR: podCIDRs[0], podCIDRs };
	return { actions: [{ type: "update", resource: NODES, object: draft }] };
}

/** From a random place on: two clusters with a node on one machine then rarely give out the same addresses. */
function freeRange(cluster: AddressRange, mask: number, taken: ReadonlySet<string>, chance: number): string | undefined {
	const size = 1n << BigInt(BITS[cluster.family] - mask);
	const count = Number(cluster.size / size);
	const start = Math.floor(chance * count);
	for (let step = 0; step < count; step++) {
		const range = `${addressAt(cluster, BigInt((start + step) % count) * size)}/${mask}`;
		if (!taken.has(range)) return range;
	}
	return undefined;
}
