/** Rules of a Service: ValidateService of pkg/apis/core/validation. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { cidr, ipAddress, nonSpecialAddress } from "../meta/address.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from "../meta/name-rules.ts";
import { validateLabels } from "../meta/object-meta-validation.ts";
import type { Service, ServicePort, ServiceSpec } from "../schema/kubernetes.d.ts";
import { validateClusterIps, validateFamiliesUpdate } from "./service-families.ts";
import { validatePortNumberOrName } from "./probe-validation.ts";
import { HEADLESS, isExternallyAccessible, needsClusterIp, needsHealthCheckPort } from "./service-allocation.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const AFFINITIES = ["ClientIP", "None"];
const TRAFFIC_POLICIES = ["Cluster", "Local"];
const DISTRIBUTIONS = ["PreferClose", "PreferSameNode", "PreferSameZone"];
const CLIENT_IP_SECONDS_MAX = 86_400;
const KUBELET_PORT = 10250;
const LOAD_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'";

function validatePort(port: ServicePort, nameRequired: boolean, names: Set<string>, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (nameRequired && !port.name) errors.push(required(`${path}.name`));
	else if (port.name) {
		for (const problem of dns1123Label(port.name)) errors.push(invalid(`${path}.name`, port.name, problem));
		if (names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
		names.add(port.name);
	}
	for (const problem of portNumber(port.port ?? 0)) errors.push(invalid(`${path}.port`, port.port ?? 0, problem));
	if (!port.protocol) errors.push(required(`${path}.protocol`));
	else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${path}.protocol`, port.protocol, PROTOCOLS));
	errors.push(...validatePortNumberOrName(port.targetPort, `${path}.targetPort`));
	if (port.appProtocol) for (const problem of qualifiedName(port.appProtocol)) errors.push(invalid(`${path}.appProtocol`, port.appProtocol, problem));
	return errors;
}

function validatePorts(spec: ServiceSpec, headless: boolean): FieldError[] {
	const ports = spec.ports ?? [];
	const errors: FieldError[] = [];
	if (ports.length === 0 && !headless && spec.type !== "ExternalName") errors.push(required("spec.ports"));
	const names = new Set<string>();
	const numbers = new Set<string>();
	const nodePorts = new Set<string>();
	for (const [index, port] of ports.entries()) {
		const path = `spec.ports[${index}]`;
		errors.push(...validatePort(port, ports.length > 1, names, path));
		if (spec.type === "LoadBalancer" && port.port === KUBELET_PORT) {
			errors.push(invalid(path, port.port, `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`));
		}
		if (spec.type === "ClusterIP" && port.nodePort) errors.push(forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
		const number = `${port.protocol}/${port.port}`;
		if (numbers.has(number)) errors.push(duplicate(path, { protocol: port.protocol, port: port.port }));
		numbers.add(number);
		if (!port.nodePort) continue;
		const nodePort = `${port.protocol}/${port.nodePort}`;
		if (nodePorts.has(nodePort)) errors.push(duplicate(`${path}.nodePort`, port.nodePort));
		nodePorts.add(nodePort);
	}
	return errors;
}

function validateType(spec: ServiceSpec, headless: boolean): FieldError[] {
	if (!spec.type) return [required("spec.type")];
	if (!TYPES.includes(spec.type)) return [notSupported("spec.type", spec.type, TYPES)];
	if (headless && (spec.type === "LoadBalancer" || spec.type === "NodePort")) {
		return [invalid("spec.clusterIPs[0]", HEADLESS, `may not be set to 'None' for ${spec.type} services`)];
	}
	if (spec.type !== "ExternalName") return [];
	const errors: FieldError[] = [];
	for (const field of ["clusterIPs", "ipFamilies"] as const) {
		if (spec[field]?.length) errors.push(forbidden(`spec.${field}`, "may not be set for ExternalName services"));
	}
	if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden("spec.ipFamilyPolicy", "may not be set for ExternalName services"));
	const name = spec.externalName?.replace(/\.$/, "") ?? "";
	if (name === "") errors.push(required("spec.externalName"));
	else for (const problem of dns1123Subdomain(name)) errors.push(invalid("spec.externalName", name, problem));
	return errors;
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
	const { sessionAffinity, sessionAffinityConfig } = spec;
	if (!sessionAffinity) return [required("spec.sessionAffinity")];
	if (!AFFINITIES.includes(sessionAffinity)) return [notSupported("spec.sessionAffinity", sessionAffinity, AFFINITIES)];
	if (sessionAffinity === "None") {
		return sessionAffinityConfig ? [forbidden("spec.sessionAffinityConfig", "must not be set when session affinity is None")] : [];
	}
	const path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
	const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
	if (seconds === undefined) return [required(path, "when session affinity is ClientIP")];
	return seconds > 0 && seconds <= CLIENT_IP_SECONDS_MAX ? [] : [invalid(path, seconds, `must be greater than 0 and less than ${CLIENT_IP_SECONDS_MAX}`)];
}

function validateAddresses(spec: ServiceSpec, service: Service): FieldError[] {
	const errors: FieldError[] = [];
	for (const [index, address] of (spec.externalIPs ?? []).entries()) {
		const problems = ipAddress(address);
		for (const problem of problems.length > 0 ? problems : nonSpecialAddress(address)) errors.push(invalid(`spec.externalIPs[${index}]`, address, problem));
	}
	if (!needsClusterIp(service)) return errors;
	return [...errors, ...validateClusterIps(spec)];
}

function validateLoadBalancer(spec: ServiceSpec): FieldError[] {
	const errors: FieldError[] = [];
	const isLoadBalancer = spec.type === "LoadBalancer";
	if (spec.loadBalancerSourceRanges?.length && !isLoadBalancer) errors.push(forbidden("spec.loadBalancerSourceRanges", LOAD_BALANCER_ONLY));
	for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
		for (const problem of cidr(range.trim())) errors.push(invalid(`spec.loadBalancerSourceRanges[${index}]`, range, problem));
	}
	if (isLoadBalancer && spec.allocateLoadBalancerNodePorts === undefined) errors.push(required("spec.allocateLoadBalancerNodePorts"));
	if (!isLoadBalancer && spec.allocateLoadBalancerNodePorts !== undefined) errors.push(forbidden("spec.allocateLoadBalancerNodePorts", LOAD_BALANCER_ONLY));
	if (spec.loadBalancerClass !== undefined) {
		if (!isLoadBalancer) errors.push(forbidden("spec.loadBalancerClass", LOAD_BALANCER_ONLY));
		for (const problem of qualifiedName(spec.loadBalancerClass)) errors.push(invalid("spec.loadBalancerClass", spec.loadBalancerClass, problem));
	}
	return errors;
}

function validateTraffic(spec: ServiceSpec, service: Service): FieldError[] {
	const errors: FieldError[] = [];
	const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort } = spec;
	if (isExternallyAccessible(service)) {
		if (!external) errors.push(required("spec.externalTrafficPolicy"));
		else if (!TRAFFIC_POLICIES.includes(external)) errors.push(notSupported("spec.externalTrafficPolicy", external, TRAFFIC_POLICIES));
	} else if (external) errors.push(invalid("spec.externalTrafficPolicy", external, "may only be set for externally-accessible services"));
	if (healthCheckNodePort && !needsHealthCheckPort(service)) {
		const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
		errors.push(invalid("spec.healthCheckNodePort", healthCheckNodePort, detail));
	}
	if (internal === undefined) {
		if (needsClusterIp(service)) errors.push(required("spec.internalTrafficPolicy"));
	} else if (!TRAFFIC_POLICIES.includes(internal)) errors.push(notSupported("spec.internalTrafficPolicy", internal, TRAFFIC_POLICIES));
	if (spec.trafficDistribution !== undefined && !DISTRIBUTIONS.includes(spec.trafficDistribution)) {
		errors.push(notSupported("spec.trafficDistribution", spec.trafficDistribution, DISTRIBUTIONS));
	}
	return errors;
}

export function validateService(service: Service): FieldError[] {
	const spec = service.spec ?? {};
	const headless = spec.clusterIP === HEADLESS || spec.clusterIPs?.[0] === HEADLESS;
	return [
		...validateType(spec, headless),
		...validatePorts(spec, headless),
		...validateLabels(spec.selector, "spec.selector"),
		...validateAffinity(spec),
		...validateAddresses(spec, service),
		...validateLoadBalancer(spec),
		...validateTraffic(spec, service),
	];
}

/** What a Service may not change while it keeps its sort. */
export function validateServiceUpdate(next: Service, old: Service): FieldError[] {
	const errors = validateFamiliesUpdate(next, old);
	if (old.spec?.type === "LoadBalancer" && next.spec?.type === "LoadBalancer" && !semanticEqual(old.spec.loadBalancerClass, next.spec.loadBalancerClass)) {
		errors.push(invalid("spec.loadBalancerClass", next.spec.loadBalancerClass ?? null, "may not change once set"));
	}
	return errors;
}
