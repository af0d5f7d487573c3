/** Tells the edge of the ready pods behind the Services that its routes lead to. Only pods of the Service's own namespace: whoever writes Endpoints could else open whatever a node reaches to the public. */
import type { EdgeEndpoint, EdgePort, EdgeService } from "../edge/edge-table.ts";
import { HTTP_ROUTES, type HttpRoute } from "../edge/gateway-api.ts";
import { servicesOfHttpRoute } from "../edge/http-route.ts";
import { servicesOfIngress } from "../edge/ingress-routes.ts";
import type { Deployment, Endpoint, EndpointSlice, Ingress, IngressClass, Pod, Service, ServicePort } from "../schema/kubernetes.d.ts";
import type { Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { ENDPOINT_SLICES, SERVICE_NAME } from "./endpoint-slice-labels.ts";
import { labelsOf, nameOf } from "./identity.ts";
import { INGRESSES, isServed } from "./ingress-controller.ts";
import { DEPLOYMENTS, servicesBefore, SLEEP_AFTER, sleepsAfterMs } from "./service-sleep.ts";
import { PODS, SERVICES } from "./service-endpoints.ts";

export interface EdgeServiceDeps {
	ingressClasses(): readonly IngressClass[];
}

export const EDGE_SERVICE = "edge-service";

export function edgeServiceController(deps: EdgeServiceDeps): Controller {
	const routed = (names: readonly string[], view: View): string[] => {
		const wanted = routedServices(view, deps);
		return [...new Set(names)].filter((name) => wanted.has(name));
	};
	return {
		name: EDGE_SERVICE,
		watches: [
			{
				resource: INGRESSES,
				keys: ({ old, object }) => [...new Set([old, object].flatMap((ingress) => (ingress ? servicesOfIngress(ingress as Ingress) : [])))],
			},
			{
				resource: HTTP_ROUTES,
				keys: ({ old, object }) => [...new Set([old, object].flatMap((route) => (route ? servicesOfHttpRoute(route as HttpRoute) : [])))],
			},
			{ resource: SERVICES, keys: (change, view) => routed([nameOf((change.object ?? change.old) as Service)], view) },
			{ resource: DEPLOYMENTS, keys: (change, view) => routed(servicesBeforeSleeper(change, view), view) },
			{ resource: ENDPOINT_SLICES, keys: (change, view) => routed(servicesOf(change), view) },
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

/** A slice may have been another Service's before. */
const servicesOf = ({ old, object }: ObjectChange): string[] => [old, object].flatMap((slice) => (slice && labelsOf(slice)[SERVICE_NAME]) ?? []);

/** Of a Deployment that may sleep from now on, or no longer. */
function servicesBeforeSleeper({ old, object }: ObjectChange, view: View): string[] {
	const [before, now] = [old, object].map((deployment) => deployment?.metadata.annotations?.[SLEEP_AFTER]);
	return before === now ? [] : servicesBefore((object ?? old) as Deployment, view);
}

/** The Services of this namespace that some route leads to. */
export function routedServices(view: View, { ingressClasses }: EdgeServiceDeps): Set<string> {
	const served = view.list<Ingress>(INGRESSES).filter((ingress) => isServed(ingress, ingressClasses()));
	return new Set([...served.flatMap(servicesOfIngress), ...view.list<HttpRoute>(HTTP_ROUTES).flatMap(servicesOfHttpRoute)]);
}

function reconcile(name: string, view: View, { namespace }: ReconcileContext, deps: EdgeServiceDeps): ReconcileResult {
	const service = routedServices(view, deps).has(name) ? view.get<Service>(SERVICES, name) : undefined;
	const row = { row: "service" as const, namespace, name, service: service ? entryOf(service, view) : null };
	return { actions: [{ type: "send", message: { to: { object: "edge" }, body: { type: "edgeRows", rows: [row] } } }] };
}

function entryOf(service: Service, view: View): EdgeService {
	const slices = view.list<EndpointSlice>(ENDPOINT_SLICES, { [SERVICE_NAME]: nameOf(service) });
	const ports = (service.spec?.ports ?? []).filter(({ protocol = "TCP" }) => protocol === "TCP");
	const afterMs = sleepsAfterMs(service, view);
	return { ports: ports.map((port) => portOf(port, slices, view)), ...(afterMs === undefined ? {} : { sleepsAfterMs: afterMs }) };
}

function portOf({ name = "", port }: ServicePort, slices: readonly EndpointSlice[], view: View): EdgePort {
	const byPod = new Map<string, EdgeEndpoint>();
	for (const { ports = [], endpoints } of slices) {
		const target = ports.find((one) => (one.name ?? "") === name && (one.protocol ?? "TCP") === "TCP")?.port;
		if (target === undefined) continue;
		for (const endpoint of (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)) {
			const found = endpointOf(endpoint, target, view);
			// A pod of two families is one all the same.
			if (found && !byPod.has(found.uid)) byPod.set(found.uid, found);
		}
	}
	return { port, name, endpoints: [...byPod.values()].sort((a, b) => (a.uid < b.uid ? -1 : 1)) };
}

function endpointOf({ targetRef, addresses: [ip = ""] }: Endpoint, port: number, view: View): EdgeEndpoint | undefined {
	const pod = targetRef?.kind === "Pod" ? view.get<Pod>(PODS, targetRef.name ?? "") : undefined;
	const ips = [pod?.status?.podIP, ...(pod?.status?.podIPs ?? []).map((one) => one.ip)];
	const { nodeName: node } = pod?.spec ?? {};
	return pod && node && ips.includes(ip) ? { uid: pod.metadata.uid ?? "", ip, port, node } : undefined;
}
