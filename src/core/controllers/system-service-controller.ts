/**
 * Keeps the Services that the agents themselves answer: `kubernetes` (upstream: pkg/controlplane/controller/kubernetesservice)
 * and the cluster's DNS. Their only endpoint is their own address, which every node has.
 */
import { semanticEqual } from "../meta/equality.ts";
import type { KubeObject } from "../meta/object.ts";
import { API_ADDRESS, API_PORT, DNS_ADDRESS, DNS_PORT } from "../protocol/cluster-addresses.ts";
import type { Endpoints, EndpointSlice, Service, ServicePort } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange } from "./controller.ts";
import { ENDPOINT_SLICES, SERVICE_NAME } from "./endpoint-slice-labels.ts";
import { draftOf } from "./identity.ts";
import { SERVICES } from "./service-endpoints.ts";

const ENDPOINTS = "endpoints";
const KEY = "namespace";

interface SystemService {
	name: string;
	address: string;
	labels: Record<string, string>;
	ports: ServicePort[];
}

const KUBERNETES: SystemService = {
	name: "kubernetes",
	address: API_ADDRESS,
	labels: { component: "apiserver", provider: "kubernetes" },
	ports: [{ name: "https", protocol: "TCP", port: API_PORT, targetPort: API_PORT }],
};
const KUBE_DNS: SystemService = {
	name: "kube-dns",
	address: DNS_ADDRESS,
	labels: { "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS" },
	ports: [
		{ name: "dns", protocol: "UDP", port: DNS_PORT, targetPort: DNS_PORT },
		{ name: "dns-tcp", protocol: "TCP", port: DNS_PORT, targetPort: DNS_PORT },
	],
};
const BY_NAMESPACE: Readonly<Record<string, SystemService>> = { default: KUBERNETES, "kube-system": KUBE_DNS };

/** The Service that a namespace must have; undefined for most. */
export const systemServiceIn = (namespace: string): string | undefined => BY_NAMESPACE[namespace]?.name;

export function systemServiceController({ namespaceActive }: { namespaceActive(): boolean }): Controller {
	const names = new Set(Object.values(BY_NAMESPACE).map(({ name }) => name));
	const keys = ({ old, object }: ObjectChange) => (old && names.has(old.metadata.name ?? "") && !semanticEqual(object, old) ? [KEY] : []);
	return {
		name: "kubernetes-service",
		watches: [SERVICES, ENDPOINTS, ENDPOINT_SLICES].map((resource) => ({ resource, keys })),
		standingKeys: [KEY],
		reconcile(_key, view, { namespace }) {
			const wanted = BY_NAMESPACE[namespace];
			if (!wanted || !namespaceActive()) return NOTHING;
			const actions = [
				keep(SERVICES, view.get<Service>(SERVICES, wanted.name), serviceOf(wanted, namespace), ["spec"]),
				keep(ENDPOINTS, view.get<Endpoints>(ENDPOINTS, wanted.name), endpointsOf(wanted, namespace), ["subsets"]),
				keep(ENDPOINT_SLICES, view.get<EndpointSlice>(ENDPOINT_SLICES, wanted.name), sliceOf(wanted, namespace), ["endpoints", "ports"]),
			];
			return { actions: actions.flat() };
		},
	};
}

/** What others added to the object stays; the fields named are ours. */
function keep<T extends KubeObject>(resource: string, current: T | undefined, wanted: T, fields: readonly (keyof T)[]): Action[] {
	if (current === undefined) return [{ type: "create", resource, object: wanted }];
	const draft = draftOf(current);
	draft.metadata.labels = { ...draft.metadata.labels, ...wanted.metadata.labels };
	for (const field of fields) draft[field] = merged(current[field], wanted[field]) as T[keyof T];
	return semanticEqual(draft, current) ? [] : [{ type: "update", resource, object: draft }];
}

/** An object keeps the members that are not given; anything else is taken as it is. */
const merged = (current: unknown, wanted: unknown): unknown =>
	Array.isArray(wanted) || typeof wanted !== "object" ? wanted : { ...(current as object | undefined), ...wanted };

const serviceOf = ({ name, labels, address, ports }: SystemService, namespace: string): Service => ({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name, namespace, labels },
	spec: {
		type: "ClusterIP",
		clusterIP: address,
		clusterIPs: [address],
		ipFamilies: ["IPv4"],
		ipFamilyPolicy: "SingleStack",
		internalTrafficPolicy: "Cluster",
		sessionAffinity: "None",
		ports,
	},
});

const portsOf = ({ ports }: SystemService) => ports.map(({ name = "", protocol = "TCP", port }) => ({ name, port, protocol }));

const endpointsOf = (service: SystemService, namespace: string): Endpoints => ({
	apiVersion: "v1",
	kind: "Endpoints",
	metadata: { name: service.name, namespace, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
	subsets: [{ addresses: [{ ip: service.address }], ports: portsOf(service) }],
});

const sliceOf = (service: SystemService, namespace: string): EndpointSlice => ({
	apiVersion: "discovery.k8s.io/v1",
	kind: "EndpointSlice",
	metadata: { name: service.name, namespace, labels: { [SERVICE_NAME]: service.name } },
	addressType: "IPv4",
	endpoints: [{ addresses: [service.address], conditions: { ready: true } }],
	ports: portsOf(service),
});
