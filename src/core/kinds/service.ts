/** Service: pkg/registry/core/service. */
import type { Service } from "../schema/kubernetes.d.ts";
import { defineKind, PROXY_VERBS } from "./define-kind.ts";
import { allocationRequest, applyAllocation, dropForType, isExternallyAccessible, keepAllocated, needsClusterIp } from "./service-allocation.ts";
import { DEFAULT_NETWORK, serviceFamilies } from "../protocol/cluster-addresses.ts";
import { serviceColumns } from "./service-columns.ts";
import { initFamilies, pairClusterIps } from "./service-families.ts";
import { validateService, validateServiceUpdate } from "./service-validation.ts";
import { keepStatus, statusSubresource } from "./strategy.ts";

const CLIENT_IP_TIMEOUT_SECONDS = 10_800;

/** SetDefaults_Service. */
function defaults(service: Service): void {
	service.spec ??= {};
	service.status ??= { loadBalancer: {} };
	service.status.loadBalancer ??= {};
	const spec = service.spec;
	spec.sessionAffinity ||= "None";
	if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
	if (spec.sessionAffinity === "ClientIP" && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
		spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: CLIENT_IP_TIMEOUT_SECONDS } };
	}
	spec.type ||= "ClusterIP";
	for (const port of spec.ports ?? []) {
		port.protocol ||= "TCP";
		port.targetPort ||= port.port;
	}
	if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= "Cluster";
	if (needsClusterIp(service)) spec.internalTrafficPolicy ??= "Cluster";
	if (spec.type === "LoadBalancer") {
		spec.allocateLoadBalancerNodePorts ??= true;
		for (const ingress of service.status.loadBalancer.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
	}
}

const DEFAULT_FAMILIES = serviceFamilies(DEFAULT_NETWORK);

export const serviceKind = defineKind<Service>({
	group: "",
	version: "v1",
	kind: "Service",
	plural: "services",
	singular: "service",
	shortNames: ["svc"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "core/v1.Service",
	nameRule: "dns1035label",
	subresources: {
		status: statusSubresource,
		connect: { proxy: { verbs: PROXY_VERBS, kind: { group: "", version: "v1", kind: "ServiceProxyOptions" } } },
	},
	defaults,
	prepareCreate(service, { serviceFamilies: families = DEFAULT_FAMILIES }) {
		service.status = { loadBalancer: {} };
		if (service.spec && needsClusterIp(service)) pairClusterIps(service.spec, undefined);
		initFamilies(service, undefined, families);
	},
	prepareUpdate(next, old, { serviceFamilies: families = DEFAULT_FAMILIES }) {
		keepStatus(next, old);
		dropForType(next, old);
		keepAllocated(next, old);
		if (next.spec && needsClusterIp(next)) pairClusterIps(next.spec, needsClusterIp(old) ? old.spec : undefined);
		initFamilies(next, old, families);
		if (next.spec?.type !== "LoadBalancer") next.status = { ...next.status, loadBalancer: {} };
	},
	validate: validateService,
	validateUpdate: validateServiceUpdate,
	columns: serviceColumns,
	selectableFields: { "spec.clusterIP": (service) => service.spec?.clusterIP ?? "", "spec.type": (service) => service.spec?.type ?? "" },
	allocationRequest,
	applyAllocation,
});
