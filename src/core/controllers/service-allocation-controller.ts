/** Gives a deleted Service's address and node ports back to the Cluster object (registry/core/service/storage/alloc.go). */
import { type Controller, NOTHING } from "./controller.ts";

const SERVICES = "services";

export const serviceAllocationController: Controller = {
	name: "service-allocation",
	watches: [{ resource: SERVICES, keys: ({ old, object }) => (object === undefined && old?.metadata.name ? [old.metadata.name] : []) }],
	reconcile(name, view, { namespace }) {
		// A Service made again under the name holds what the name holds.
		if (view.get(SERVICES, name) !== undefined) return NOTHING;
		return { actions: [{ type: "send", message: { to: { object: "cluster" }, body: { type: "releaseAllocation", namespace, name } } }] };
	},
};
