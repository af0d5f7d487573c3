/** What Services use (pkg/quota/v1/evaluator/core/services.go). */
import { quantityOf } from "../quantity/quantity.ts";
import type { Service } from "../schema/kubernetes.d.ts";
import { countName, type QuotaEvaluator } from "./evaluator.ts";

const COUNT = countName("services");
const RESOURCES: ReadonlySet<string> = new Set([COUNT, "services", "services.nodeports", "services.loadbalancers"]);

/** A load balancer's ports take node ports too, unless it says that it needs none. */
function nodePortsOf({ spec }: Service): number {
	const ports = spec?.ports ?? [];
	if (spec?.type === "NodePort") return ports.length;
	if (spec?.type !== "LoadBalancer") return 0;
	return spec.allocateLoadBalancerNodePorts === false ? ports.filter(({ nodePort }) => nodePort).length : ports.length;
}

export const serviceEvaluator: QuotaEvaluator<Service> = {
	resource: "services",
	handles: (operation, subresource) => subresource === "" && (operation === "CREATE" || operation === "UPDATE"),
	matching: (names) => names.filter((name) => RESOURCES.has(name)),
	usage: (service) =>
		new Map([
			[COUNT, quantityOf(1)],
			["services", quantityOf(1)],
			["services.nodeports", quantityOf(nodePortsOf(service))],
			["services.loadbalancers", quantityOf(service.spec?.type === "LoadBalancer" ? 1 : 0)],
		]),
	matchesScope: () => false,
};
