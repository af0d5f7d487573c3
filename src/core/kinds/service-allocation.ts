/** What a Service holds of the cluster's addresses and ports: pkg/registry/core/service/storage/alloc.go. */
import type { IPFamily } from "../meta/address.ts";
import { semanticEqual } from "../meta/equality.ts";
import { type ClusterNetwork, DEFAULT_NETWORK, reservedAddresses } from "../protocol/cluster-addresses.ts";
import type { Service, ServicePort } from "../schema/kubernetes.d.ts";
import type { Allocation, AllocationRequest } from "./define-kind.ts";

export const HEADLESS = "None";
const OWN_SERVICES: ReadonlySet<string> = new Set(Object.values(reservedAddresses(DEFAULT_NETWORK)));
/** The entry of an allocation that is the health check's node port; no port of a Service has this number. */
const HEALTH_CHECK_PORT = 0;

export const needsClusterIp = ({ spec }: Service): boolean => spec?.type !== "ExternalName";

/** A Service of a type that opens ports on nodes, unless a load balancer asks for none. */
export function needsNodePorts({ spec }: Service): boolean {
	return spec?.type === "NodePort" || (spec?.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
}

export const needsHealthCheckPort = ({ spec }: Service): boolean => spec?.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";

function wanted(service: Service): AllocationRequest {
	const spec = service.spec ?? {};
	const request: AllocationRequest = { nodePorts: [] };
	if (needsClusterIp(service) && spec.clusterIP !== HEADLESS)
		request.clusterIPs = (spec.ipFamilies ?? []).map((family, index) => ({ family: family as IPFamily, address: spec.clusterIPs?.[index] ?? "" }));
	const every = needsNodePorts(service);
	for (const { port, protocol = "TCP", nodePort = 0 } of spec.ports ?? []) {
		if (every || (spec.type === "LoadBalancer" && nodePort !== 0)) request.nodePorts.push({ port, protocol, nodePort });
	}
	if (needsHealthCheckPort(service)) request.nodePorts.push({ port: HEALTH_CHECK_PORT, protocol: "TCP", nodePort: spec.healthCheckNodePort ?? 0 });
	return request;
}

const isFulfilled = (request: AllocationRequest): boolean =>
	!request.clusterIPs?.some(({ address }) => address === "") && request.nodePorts.every((p) => p.nodePort !== 0);

/** A Service of the cluster's own: its address is kept for it without asking. */
function isReserved({ metadata, spec }: Service, network: ClusterNetwork): boolean {
	const reserved = reservedAddresses(network);
	return spec?.type === "ClusterIP" && spec.clusterIPs?.every((address) => reserved[address] === `${metadata.namespace}/${metadata.name}`) === true;
}

/** The whole of what the Service is to hold from now on; undefined when it holds just that already. */
export function allocationRequest(next: Service, old: Service | undefined, network = DEFAULT_NETWORK): AllocationRequest | undefined {
	if (OWN_SERVICES.has(`${next.metadata.namespace}/${next.metadata.name}`) && isReserved(next, network)) return undefined;
	const request = wanted(next);
	if (!old) return request.clusterIPs === undefined && request.nodePorts.length === 0 ? undefined : request;
	return isFulfilled(request) && semanticEqual(request, wanted(old)) ? undefined : request;
}

/** Writes the allocated address and ports into the Service. */
export function applyAllocation(service: Service, allocation: Allocation): void {
	const spec = service.spec;
	if (!spec) return;
	const [first] = allocation.clusterIPs ?? [];
	if (first !== undefined) {
		spec.clusterIP = first;
		spec.clusterIPs = allocation.clusterIPs;
	}
	for (const { port, protocol, nodePort } of allocation.nodePorts) {
		if (port === HEALTH_CHECK_PORT) spec.healthCheckNodePort = nodePort;
		const target = spec.ports?.find((p) => p.port === port && (p.protocol ?? "TCP") === protocol);
		if (target) target.nodePort = nodePort;
	}
}

/** patchAllocatedValues: an update that leaves out what the Service holds keeps it. */
export function keepAllocated(next: Service, old: Service): void {
	if (!next.spec || !old.spec) return;
	if (needsClusterIp(old) && needsClusterIp(next)) {
		next.spec.clusterIP ||= old.spec.clusterIP;
		if (!next.spec.clusterIPs?.length && next.spec.clusterIP === old.spec.clusterIP) next.spec.clusterIPs = structuredClone(old.spec.clusterIPs);
	}
	if (needsNodePorts(old) && needsNodePorts(next)) keepNodePorts(next.spec.ports ?? [], old.spec.ports ?? []);
	if (needsHealthCheckPort(old) && needsHealthCheckPort(next)) next.spec.healthCheckNodePort ||= old.spec.healthCheckNodePort;
}

function keepNodePorts(next: ServicePort[], old: readonly ServicePort[]): void {
	const used = new Set(next.map((p) => p.nodePort).filter((port) => port));
	for (const port of next) {
		if (port.nodePort) continue;
		const before = old.find((p) => p.port === port.port && p.protocol === port.protocol);
		if (!before?.nodePort || used.has(before.nodePort)) continue;
		port.nodePort = before.nodePort;
		used.add(before.nodePort);
	}
}

/** dropTypeDependentFields: what the old type held and the new one may not, where the user left it unchanged. */
export function dropForType(next: Service, old: Service): void {
	if (!next.spec || !old.spec) return;
	if (needsClusterIp(old) && !needsClusterIp(next)) {
		if (next.spec.clusterIP === old.spec.clusterIP && semanticEqual(next.spec.clusterIPs, old.spec.clusterIPs))
			dropFields(next.spec, "clusterIP", "clusterIPs");
		if (semanticEqual(next.spec.ipFamilies, old.spec.ipFamilies)) dropFields(next.spec, "ipFamilies");
		if (next.spec.ipFamilyPolicy === old.spec.ipFamilyPolicy) dropFields(next.spec, "ipFamilyPolicy");
		if (next.spec.internalTrafficPolicy === old.spec.internalTrafficPolicy) dropFields(next.spec, "internalTrafficPolicy");
	}
	if (needsNodePorts(old) && !needsNodePorts(next)) {
		for (const port of next.spec.ports ?? []) {
			if (port.nodePort && old.spec.ports?.some((p) => p.nodePort === port.nodePort)) delete port.nodePort;
		}
	}
	if (needsHealthCheckPort(old) && !needsHealthCheckPort(next) && next.spec.healthCheckNodePort === old.spec.healthCheckNodePort) {
		dropFields(next.spec, "healthCheckNodePort");
	}
	if (old.spec.type === "LoadBalancer" && next.spec.type !== "LoadBalancer") {
		for (const field of ["allocateLoadBalancerNodePorts", "loadBalancerClass"] as const) {
			if (next.spec[field] === old.spec[field]) dropFields(next.spec, field);
		}
	}
	dropTrafficPolicy(next, old);
}

/** Reachable from outside the cluster: the types that have an external traffic policy. */
export const isExternallyAccessible = ({ spec }: Service): boolean =>
	spec?.type === "LoadBalancer" || spec?.type === "NodePort" || (spec?.type === "ClusterIP" && (spec.externalIPs?.length ?? 0) > 0);

function dropTrafficPolicy(next: Service, old: Service): void {
	if (!next.spec || !isExternallyAccessible(old) || isExternallyAccessible(next)) return;
	if (next.spec.externalTrafficPolicy === old.spec?.externalTrafficPolicy) dropFields(next.spec, "externalTrafficPolicy");
}

function dropFields<T extends object>(object: T, ...fields: (keyof T)[]): void {
	for (const field of fields) delete object[field];
}
