/** Tells the nodes of a namespace's Services and their endpoints, for the work that kube-proxy does. */
import type { ServiceEntry } from "../protocol/agent-protocol.ts";
import type { Endpoint, EndpointSlice, Service, ServicePort } from "../schema/kubernetes.d.ts";
import type { Controller, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { ENDPOINT_SLICES, SERVICE_NAME } from "./endpoint-slice-labels.ts";
import { nameOf, namespaceOf } from "./identity.ts";
import { ipFamily, isHeadless, SERVICES } from "./service-endpoints.ts";

const KEY = "services";
/** service.spec.sessionAffinityConfig's default. */
const AFFINITY_SECONDS = 10_800;

export const serviceTableController: Controller = {
	name: "service-table",
	watches: [
		{ resource: SERVICES, keys: () => [KEY] },
		{ resource: ENDPOINT_SLICES, keys: () => [KEY] },
	],
	standingKeys: [KEY],
	reconcile,
};

function reconcile(_key: string, view: View, { namespace }: ReconcileContext): ReconcileResult {
	const slices = Map.groupBy(view.list<EndpointSlice>(ENDPOINT_SLICES), (slice) => slice.metadata.labels?.[SERVICE_NAME] ?? "");
	const services = view.list<Service>(SERVICES).filter(hasAddress);
	services.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
	const body = { type: "services" as const, namespace, services: services.map((service) => entryOf(service, slices.get(nameOf(service)) ?? [])) };
	return { actions: [{ type: "send", message: { to: { object: "cluster" }, body } }] };
}

const hasAddress = (service: Service): boolean => service.spec?.type !== "ExternalName" && !isHeadless(service) && Boolean(service.spec?.clusterIP);

function entryOf(service: Service, slices: readonly EndpointSlice[]): ServiceEntry {
	const { spec = {} } = service;
	const clusterIP = spec.clusterIP ?? "";
	const own = slices.filter((slice) => slice.addressType === ipFamily(clusterIP)).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
	return {
		namespace: namespaceOf(service),
		name: nameOf(service),
		type: (spec.type ?? "ClusterIP") as ServiceEntry["type"],
		clusterIP,
		sessionAffinity: spec.sessionAffinity === "ClientIP" ? "ClientIP" : "None",
		affinityTimeoutSeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS,
		ports: (spec.ports ?? []).map((port) => portOf(port, own)),
	};
}

function portOf(port: ServicePort, slices: readonly EndpointSlice[]): ServiceEntry["ports"][number] {
	const protocol = (port.protocol ?? "TCP") as ServiceEntry["ports"][number]["protocol"];
	const all = slices.flatMap((slice) => {
		const target = (slice.ports ?? []).find((p) => (p.name ?? "") === (port.name ?? "") && (p.protocol ?? "TCP") === protocol);
		return target?.port === undefined ? [] : (slice.endpoints ?? []).map((endpoint) => ({ endpoint, port: target.port ?? 0 }));
	});
	const ready = all.filter(({ endpoint }) => endpoint.conditions?.ready !== false);
	// While nothing is ready, what is shutting down but still serves is better than nothing (KEP-1669).
	const chosen = ready.length > 0 ? ready : all.filter(({ endpoint }) => servesStill(endpoint));
	const endpoints = chosen.flatMap(({ endpoint, port: number }) =>
		endpoint.addresses.slice(0, 1).map((ip) => ({ ip, port: number, ...(endpoint.nodeName ? { node: endpoint.nodeName } : {}) })),
	);
	endpoints.sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
	return { name: port.name ?? "", protocol, port: port.port, ...(port.nodePort ? { nodePort: port.nodePort } : {}), endpoints };
}

const servesStill = ({ conditions }: Endpoint): boolean => conditions?.serving === true && conditions.terminating === true;
