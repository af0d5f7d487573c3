/**
 * Keeps the Services that the agents themselves answer: `kubernetes` (upstream: pkg/controlplane/controller/kubernetesservice)
 * and the cluster's DNS. Their only endpoints are their own addresses, which every node has.
 */
import { semanticEqual } from "../meta/equality.ts";
import type { KubeObject } from "../meta/object.ts";
import { API_PORT, apiAddresses, type ClusterNetwork, DNS_PORT, dnsAddresses } from "../protocol/cluster-addresses.ts";
import type { Endpoints, EndpointSlice, Service, ServicePort } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange } from "./controller.ts";
import { ENDPOINT_SLICES, SERVICE_NAME } from "./endpoint-slice-labels.ts";
import { draftOf, nameOf } from "./identity.ts";
import { ipFamily, SERVICES } from "./service-endpoints.ts";

const ENDPOINTS = "endpoints";
const KEY = "namespace";

interface SystemService {
	name: string;
	/** What the agents answer at, of the cluster's families or of its first alone. */
	addresses(network: ClusterNetwork): string[];
	labels: Record<string, string>;
	ports: ServicePort[];
}

const KUBERNETES: SystemService = {
	name: "kubernetes",
	/** Upstream's is of the first family, single stack. */
	addresses: (network) => apiAddresses(network).slice(0, 1),
	labels: { component: "apiserver", provider: "kubernetes" },
	ports: [{ name: "https", protocol: "TCP", port: API_PORT, targetPort: API_PORT }],
};
const KUBE_DNS: SystemService = {
	name: "kube-dns",
	addresses: dnsAddresses,
	labels: { "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS" },
	ports: [
		{ name: "dns", protocol: "UDP", port: DNS_PORT, targetPort: DNS_PORT },
		{ name: "dns-tcp", protocol: "TCP", port: DNS_PORT, targetPort: DNS_PORT },
	],
};
const BY_NAMESPACE: Readonly<Record<string, SystemService>> = { default: KUBERNETES, "kube-system": KUBE_DNS };

/** The Service that a namespace must have; undefined for most. */
export const systemServiceIn = (namespace: string): string | undefined => BY_NAMESPACE[namespace]?.name;

export function systemServiceController({ namespaceActive, network }: { namespaceActive(): boolean; network: ClusterNetwork }): Controller {
	const names = new Set(Object.values(BY_NAMESPACE).flatMap(({ name }) => [name, `${name}-ipv4`, `${name}-ipv6`]));
	const keys = ({ old, object }: ObjectChange) => (old && names.has(old.metadata.name ?? "") && !semanticEqual(object, old) ? [KEY] : []);
	return {
		name: "kubernetes-service",
		watches: [SERVICES, ENDPOINTS, ENDPOINT_SLICES].map((resource) => ({ resource, keys })),
		standingKeys: [KEY],
		reconcile(_key, view, { namespace }) {
			const wanted = BY_NAMESPACE[namespace];
			if (!wanted || !namespaceActive()) return NOTHING;
			const addresses = wanted.addresses(network);
			const actions = [
				keep(SERVICES, view.get<Service>(SERVICES, wanted.name), serviceOf(wanted, addresses, namespace), ["spec"]),
				keep(ENDPOINTS, view.get<Endpoints>(ENDPOINTS, wanted.name), endpointsOf(wanted, addresses, namespace), ["subsets"]),
				...addresses.map((address, index) => {
					const slice = sliceOf(wanted, address, index === 0 ? wanted.name : `${wanted.name}-${ipFamily(address).toLowerCase()}`, namespace);
					return keep(ENDPOINT_SLICES, view.get<EndpointSlice>(ENDPOINT_SLICES, nameOf(slice)), slice, ["endpoints", "ports"]);
				}),
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

const serviceOf = ({ name, labels, ports }: SystemService, addresses: string[], namespace: string): Service => ({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name, namespace, labels },
	spec: {
		type: "ClusterIP",
		clusterIP: addresses[0] ?? "",
		clusterIPs: addresses,
		ipFamilies: addresses.map(ipFamily),
		ipFamilyPolicy: addresses.length > 1 ? "PreferDualStack" : "SingleStack",
		internalTrafficPolicy: "Cluster",
		sessionAffinity: "None",
		ports,
	},
});

const portsOf = ({ ports }: SystemService) => ports.map(({ name = "", protocol = "TCP", port }) => ({ name, port, protocol }));

const endpointsOf = (service: SystemService, addresses: readonly string[], namespace: string): Endpoints => ({
	apiVersion: "v1",
	kind: "Endpoints",
	metadata: { name: service.name, namespace, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
	subsets: [{ addresses: addresses.slice(0, 1).map((ip) => ({ ip })), ports: portsOf(service) }],
});

const sliceOf = (service: SystemService, address: string, name: string, namespace: string): EndpointSlice => ({
	apiVersion: "discovery.k8s.io/v1",
	kind: "EndpointSlice",
	metadata: { name, namespace, labels: { [SERVICE_NAME]: service.name } },
	addressType: ipFamily(address),
	endpoints: [{ addresses: [address], conditions: { ready: true } }],
	ports: portsOf(service),
});
