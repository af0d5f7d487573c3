/** Whether a namespace needs the replica of the nodes: for its daemons, or for the addresses of its load balancers. */
import type { Service } from "../schema/kubernetes.d.ts";
import type { Action, View } from "./controller.ts";
import { isBeingDeleted } from "./identity.ts";

/** spec.loadBalancerClass of Services that the nodes themselves balance; so is one without a class. */
export const LOAD_BALANCER_CLASS = "petrel";

export const isNodeBalanced = ({ spec }: Service): boolean =>
	spec?.type === "LoadBalancer" && (spec.loadBalancerClass === undefined || spec.loadBalancerClass === LOAD_BALANCER_CLASS);

export const needsNodes = (view: View): boolean =>
	view.list("apps/daemonsets").length > 0 || view.list<Service>("services").some((service) => isNodeBalanced(service) && !isBeingDeleted(service));

/** Asks the Cluster object for the nodes, or tells it that they are no longer needed here. */
export const wantNodes = (namespace: string, wanted: boolean): Action => ({
	type: "send",
	message: { to: { object: "cluster" }, body: { type: "wantNodes", namespace, wanted } },
});
