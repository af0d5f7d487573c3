/**
 * Tells the cluster which nodes renewed their Leases (node-lifecycle-controller's view of kube-node-lease): how a kubelet, or whatever
 * stands for one, says that it is there. A Petrel agent is known by its poll.
 */
import type { Lease } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ObjectChange } from "./controller.ts";
import { nameOf } from "./identity.ts";

const LEASES = "coordination.k8s.io/leases";
export const NODE_LEASE_NAMESPACE = "kube-node-lease";

export const nodeLeaseController: Controller = {
	name: "node-lease",
	watches: [{ resource: LEASES, keys: renewed }],
	reconcile(name, view, { namespace }) {
		const lease = view.get<Lease>(LEASES, name);
		if (namespace !== NODE_LEASE_NAMESPACE || lease === undefined) return NOTHING;
		return { actions: [{ type: "send", message: { to: { object: "cluster" }, body: { type: "nodeRenewed", node: name } } }] };
	},
};

/** When the new time was seen counts, not what it says: the node's clock may be wrong. */
function renewed({ old, object }: ObjectChange): string[] {
	const [before, now] = [old as Lease | undefined, object as Lease | undefined];
	return now?.spec?.renewTime === undefined || before?.spec?.renewTime === now.spec.renewTime ? [] : [nameOf(now)];
}
