/** Service: pkg/registry/core/service. The cluster serves IPv4, single stack. */
import type { Service } from "../schema/kubernetes.d.ts";
import { defineKind, PROXY_VERBS } from "./define-kind.ts";
import { allocationRequest, applyAllocation, dropForType, HEADLESS, isExternallyAccessible, keepAllocated, needsClusterIp } from "./service-allocation.ts";
import { serviceColumns } from "./service-columns.ts";
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

/** initIPFamilyFields: the fields that upstream fills where it allocates. */
function fillFamilies(service: Service): void {
	const spec = service.spec;
	if (!spec || !needsClusterIp(service)) return;
	if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
	if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0];
	const dual = (spec.clusterIPs?.length ?? 0) === 2 || (spec.ipFamilies?.length ?? 0) === 2;
	spec.ipFamilyPolicy ??= dual ? "RequireDualStack" : "SingleStack";
	if (!spec.ipFamilies?.length) spec.ipFamilies = ["IPv4"];
	const selectorless = Object.keys(spec.selector ?? {}).length === 0;
	if (spec.clusterIP === HEADLESS && selectorless && spec.ipFamilyPolicy !== "SingleStack" && spec.ipFamilies.length === 1) {
		spec.ipFamilies = spec.ipFamilies[0] === "IPv4" ? ["IPv4", "IPv6"] : ["IPv6", "IPv4"];
	}
}

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
	prepareCreate(service) {
		service.status = { loadBalancer: {} };
		fillFamilies(service);
	},
	prepareUpdate(next, old) {
		keepStatus(next, old);
		dropForType(next, old);
		keepAllocated(next, old);
		fillFamilies(next);
		if (next.spec?.type !== "LoadBalancer") next.status = { ...next.status, loadBalancer: {} };
	},
	validate: validateService,
	validateUpdate: validateServiceUpdate,
	columns: serviceColumns,
	selectableFields: { "spec.clusterIP": (service) => service.spec?.clusterIP ?? "", "spec.type": (service) => service.spec?.type ?? "" },
	allocationRequest,
	applyAllocation,
});
