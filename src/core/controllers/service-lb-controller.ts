/**
 * Gives a Service of type LoadBalancer its addresses: those of the nodes, which open its ports as they are. What upstream's
 * service controller leaves to a cloud (k8s.io/cloud-provider/controllers/service) is done here without one.
 */
import { semanticEqual } from "../meta/equality.ts";
import type { EndpointSlice, LoadBalancerIngress, Node, Service } from "../schema/kubernetes.d.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { ENDPOINT_SLICES, SERVICE_NAME } from "./endpoint-slice-labels.ts";
import { draftOf, isBeingDeleted, labelsOf, nameOf } from "./identity.ts";
import { isNodeBalanced, needsNodes, wantNodes } from "./node-need.ts";
import { ipFamily, SERVICES } from "./service-endpoints.ts";

const NODES = "nodes";
/** A node that bears it is no load balancer's. */
const EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers";

export interface LoadBalancerDeps {
	/** Whether this object has the replica of the nodes. */
	knowsNodes(): boolean;
}

export function serviceLoadBalancerController(deps: LoadBalancerDeps): Controller {
	return {
		name: "service-lb",
		watches: [
			{ resource: SERVICES, keys: ({ old, object }) => [nameOf((object ?? old) as Service)] },
			{ resource: ENDPOINT_SLICES, keys: localServices },
			{ resource: NODES, keys: (_change, view) => view.list<Service>(SERVICES).filter(isNodeBalanced).map(nameOf) },
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

const isLocal = ({ spec }: Service): boolean => spec?.externalTrafficPolicy === "Local";

/** Only nodes with endpoints take the traffic of a Service that wants it kept local. */
function localServices({ old, object }: ObjectChange, view: View): string[] {
	const service = view.get<Service>(SERVICES, labelsOf((object ?? old) as EndpointSlice)[SERVICE_NAME] ?? "");
	return service !== undefined && isNodeBalanced(service) && isLocal(service) ? [nameOf(service)] : [];
}

function reconcile(key: string, view: View, ctx: ReconcileContext, { knowsNodes }: LoadBalancerDeps): ReconcileResult {
	const service = view.get<Service>(SERVICES, key);
	const asked: Action[] = knowsNodes() === needsNodes(view) ? [] : [wantNodes(ctx.namespace, !knowsNodes())];
	// One that is no load balancer any more has lost its addresses with its type.
	if (service === undefined || isBeingDeleted(service) || !isNodeBalanced(service) || !knowsNodes()) return { actions: asked };
	return { actions: [...asked, ...written(service, addressesFor(service, view))] };
}

function addressesFor(service: Service, view: View): LoadBalancerIngress[] {
	const serving = isLocal(service) ? nodesWithEndpoints(nameOf(service), view) : undefined;
	const nodes = view.list<Node>(NODES).filter((node) => labelsOf(node)[EXCLUDED] === undefined && (serving?.has(nameOf(node)) ?? true));
	const families = service.spec?.ipFamilies ?? ["IPv4"];
	const addresses = nodes.flatMap(({ status }) => (status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address));
	return families.flatMap((family) => [...new Set(addresses.filter((address) => ipFamily(address) === family))].sort()).map((ip) => ({ ip, ipMode: "VIP" }));
}

function nodesWithEndpoints(service: string, view: View): Set<string> {
	const slices = view.list<EndpointSlice>(ENDPOINT_SLICES, { [SERVICE_NAME]: service });
	const ready = slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
	return new Set(ready.flatMap(({ nodeName }) => nodeName ?? []));
}

function written(service: Service, ingress: LoadBalancerIngress[]): Action[] {
	if (semanticEqual(ingress, service.status?.loadBalancer?.ingress)) return [];
	const draft = draftOf(service);
	draft.status = { ...draft.status, loadBalancer: { ingress } };
	const tell = (reason: string, message: string): Action => ({ type: "event", about: service, eventType: "Normal", reason, message });
	return [
		tell("EnsuringLoadBalancer", "Ensuring load balancer"),
		{ type: "updateStatus", resource: SERVICES, object: draft },
		tell("EnsuredLoadBalancer", "Ensured load balancer"),
	];
}
