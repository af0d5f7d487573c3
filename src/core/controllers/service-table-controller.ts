/** Tells the nodes of a Service and its endpoints, for the work that kube-proxy and the cluster's DNS do. */
import type { EndpointEntry, PortEntry, ServiceEntry } from "../protocol/agent-protocol.ts";
import type { Endpoint, EndpointSlice, Service, ServicePort } from "../schema/kubernetes.d.ts";
import type { Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { ENDPOINT_SLICES, SERVICE_NAME } from "./endpoint-slice-labels.ts";
import { nameOf, namespaceOf } from "./identity.ts";
import { ipFamily, isHeadless, SERVICES } from "./service-endpoints.ts";

/** service.spec.sessionAffinityConfig's default. */
const AFFINITY_SECONDS = 10_800;
const HEADLESS = "None";

export const serviceTableController: Controller = {
	name: "service-table",
	watches: [
		{ resource: SERVICES, keys: ({ old, object }) => [nameOf((object ?? old) as Service)] },
		{ resource: ENDPOINT_SLICES, keys: servicesOfSlice },
	],
	reconcile,
};

/** A slice may have been another Service's before. */
function servicesOfSlice({ old, object }: ObjectChange): string[] {
	const names = [old, object].map((slice) => slice?.metadata.labels?.[SERVICE_NAME]).filter((name) => name !== undefined);
	return [...new Set(names)];
}

function reconcile(name: string, view: View, { namespace }: ReconcileContext): ReconcileResult {
	const service = view.get<Service>(SERVICES, name);
	const slices = service ? view.list<EndpointSlice>(ENDPOINT_SLICES, { [SERVICE_NAME]: name }) : [];
	const row = { kind: "service" as const, namespace, name, service: service && isKnown(service) ? entryOf(service, slices) : null };
	return { actions: [{ type: "send", message: { to: { object: "cluster" }, body: { type: "networkRows", rows: [row] } } }] };
}

/** A Service whose address is not allocated yet is nobody's to answer. */
const isKnown = ({ spec }: Service): boolean => (spec?.type === "ExternalName" ? Boolean(spec.externalName) : Boolean(spec?.clusterIP));

function entryOf(service: Service, slices: readonly EndpointSlice[]): ServiceEntry {
	const { spec = {} } = service;
	const isNamed = spec.type === "ExternalName";
	const clusterIP = isNamed ? "" : (spec.clusterIP ?? "");
	const clusterIPs = clusterIP === HEADLESS || clusterIP === "" ? [] : (spec.clusterIPs ?? [clusterIP]);
	const families: readonly string[] = clusterIPs.map(ipFamily);
	const own = slices.filter((slice) => families.length === 0 || families.includes(slice.addressType)).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
	return {
		namespace: namespaceOf(service),
		name: nameOf(service),
		type: (spec.type ?? "ClusterIP") as ServiceEntry["type"],
		clusterIP,
		...(clusterIPs.length > 1 ? { clusterIPs } : {}),
		sessionAffinity: spec.sessionAffinity === "ClientIP" ? "ClientIP" : "None",
		affinityTimeoutSeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS,
		ports: isNamed ? [] : (spec.ports ?? []).map((port) => portOf(port, own, service)),
		...(isNamed ? { externalName: spec.externalName ?? "" } : {}),
		...(isHeadless(service) ? { hosts: hostsOf(own) } : {}),
		...outsideOf(service),
	};
}

/** What decides about connections from outside, and which endpoints a node prefers. */
function outsideOf({ spec = {}, status }: Service): Partial<ServiceEntry> {
	const balanced = (status?.loadBalancer?.ingress ?? []).filter(({ ipMode }) => ipMode !== "Proxy").flatMap(({ ip }) => (ip ? [ip] : []));
	const externalIPs = [...new Set([...(spec.externalIPs ?? []), ...(spec.type === "LoadBalancer" ? balanced : [])])];
	const sourceRanges = spec.type === "LoadBalancer" ? (spec.loadBalancerSourceRanges ?? []) : [];
	return {
		...(externalIPs.length > 0 ? { externalIPs } : {}),
		...(sourceRanges.length > 0 ? { sourceRanges } : {}),
		...(spec.externalTrafficPolicy === "Local" ? { externalTrafficPolicy: "Local" } : {}),
		...(spec.internalTrafficPolicy === "Local" ? { internalTrafficPolicy: "Local" } : {}),
		...(spec.healthCheckNodePort ? { healthCheckNodePort: spec.healthCheckNodePort } : {}),
		...(spec.trafficDistribution ? { trafficDistribution: spec.trafficDistribution } : {}),
	};
}

function hostsOf(slices: readonly EndpointSlice[]): { ip: string; hostname?: string }[] {
	const ready = slices.flatMap(({ endpoints }) => (endpoints ?? []).filter(isReady));
	const byIp = new Map(ready.flatMap(({ addresses, hostname }) => addresses.slice(0, 1).map((ip) => [ip, { ip, ...(hostname ? { hostname } : {}) }] as const)));
	return [...byIp.values()].sort((a, b) => (a.ip < b.ip ? -1 : 1));
}

function portOf(port: ServicePort, slices: readonly EndpointSlice[], service: Service): PortEntry {
	const protocol = (port.protocol ?? "TCP") as PortEntry["protocol"];
	const all = slices.flatMap((slice) => {
		const target = (slice.ports ?? []).find((p) => (p.name ?? "") === (port.name ?? "") && (p.protocol ?? "TCP") === protocol);
		return target?.port === undefined ? [] : (slice.endpoints ?? []).map((endpoint) => ({ endpoint, port: target.port ?? 0 }));
	});
	const ready = entriesOf(all.filter(({ endpoint }) => isReady(endpoint)));
	// While nothing is ready, what is shutting down but still serves is better than nothing (KEP-1669).
	const draining = entriesOf(all.filter(({ endpoint }) => !isReady(endpoint) && servesStill(endpoint)));
	const local = service.spec?.externalTrafficPolicy === "Local" || service.spec?.internalTrafficPolicy === "Local";
	return {
		name: port.name ?? "",
		protocol,
		port: port.port,
		...(port.nodePort ? { nodePort: port.nodePort } : {}),
		endpoints: ready.length > 0 ? ready : draining,
		...(local && ready.length > 0 && draining.length > 0 ? { draining } : {}),
	};
}

function entriesOf(found: readonly { endpoint: Endpoint; port: number }[]): EndpointEntry[] {
	const entries = found.flatMap(({ endpoint: { addresses, nodeName, hostname }, port }) =>
		addresses.slice(0, 1).map((ip) => ({ ip, port, ...(nodeName ? { node: nodeName } : {}), ...(hostname ? { hostname } : {}) })),
	);
	return entries.sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready !== false;
const servesStill = ({ conditions }: Endpoint): boolean => conditions?.serving === true && conditions.terminating === true;
