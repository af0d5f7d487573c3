/** Where the proxy subresources lead (registry/core/{pod/strategy,service/storage/storage,node/strategy}.go, ResourceLocation). */
import { ENDPOINT_SLICES, SERVICE_NAME } from "../../core/controllers/endpoint-slice-labels.ts";
import { badRequest, notFound, unavailable } from "../../core/errors/status-error.ts";
import type { Endpoint, EndpointSlice, Node, Pod, Service, ServicePort } from "../../core/schema/kubernetes.d.ts";
import type { TunnelTarget } from "../../core/tunnel/frame.ts";
import type { ResourceServer } from "../resource-server.ts";
import type { ProxyTarget, ServiceEndpoint } from "../rpc.ts";
import { admittedOptions } from "./connect.ts";
import type { VerbCall, VerbResult } from "./verb.ts";

/** Where it goes, but for the path there. */
type ProxyPlace = Omit<ProxyTarget, "path">;

interface SchemeNamePort {
	scheme: "http" | "https";
	name: string;
	port: string;
}

/** "name", "name:port" or "scheme:name:port" (utilnet.SplitSchemeNamePort). */
function splitSchemeNamePort(id: string, kind: string): SchemeNamePort {
	const parts = id.split(":");
	const [scheme, name, port] = parts.length === 1 ? ["", parts[0], ""] : parts.length === 2 ? ["", ...parts] : parts;
	if (parts.length > 3 || !name || !["", "http", "https"].includes(scheme ?? "")) throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
	return { scheme: scheme === "https" ? "https" : "http", name, port: port ?? "" };
}

const authorityOf = (host: string, port: number): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);

function portNumber(text: string): number {
	const port = Number(text);
	if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badRequest(`invalid port ${JSON.stringify(text)}`);
	return port;
}

export function proxy(call: VerbCall): VerbResult {
	const { server, request } = call;
	const { path = "" } = admittedOptions(call);
	const place =
		request.resource === "nodes"
			? nodeTarget(server, request.name)
			: request.resource === "pods"
				? podTarget(server, request.name)
				: serviceTarget(server, request.name, () => server.attempt.random());
	const target: ProxyTarget = { ...place, path };
	return { code: 200, object: target };
}

function podTarget(server: ResourceServer, id: string): ProxyPlace {
	const { scheme, name, port } = splitSchemeNamePort(id, "pod");
	const pod = server.store.get<Pod>("pods", name);
	if (!pod) throw notFound({ group: "", resource: "pods" }, name);
	const [ip, node] = [pod.status?.podIP, pod.spec?.nodeName];
	// Before it runs there is nothing to reach: upstream would try to dial no host.
	if (!ip || !node) throw unavailable(`pod ${JSON.stringify(name)} has no address yet`);
	const declared = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? [])[0]?.containerPort;
	const number = port === "" ? (declared ?? (scheme === "https" ? 443 : 80)) : portNumber(port);
	return { node, scheme, target: { kind: "pod", uid: pod.metadata.uid ?? "", ip, port: number }, authority: authorityOf(ip, number) };
}

function serviceTarget(server: ResourceServer, id: string, random: () => number): ProxyPlace {
	const { scheme, name, port } = splitSchemeNamePort(id, "service");
	const portName = /^\d+$/.test(port) ? portNamed(server, name, Number(port)) : port;
	if (server.store.getText("services", name) === undefined) throw notFound({ group: "", resource: "endpoints" }, name);
	const slices = slicesOf(server, name);
	if (!slices.some(({ endpoints }) => endpoints?.some(isReady))) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
	// Only pods of the Service's own namespace: else whoever writes Endpoints could reach whatever the node reaches.
	const chosen = choose(
		slices,
		(name) => name === portName,
		random,
		(endpoint, ip) => podOf(server, endpoint, ip) !== undefined,
	);
	const pod = chosen && podOf(server, chosen.endpoint, chosen.ip);
	if (!chosen || !pod?.spec?.nodeName) throw unavailable(`no endpoints available for service ${JSON.stringify(id)}`);
	const { ip, port: number } = chosen;
	return {
		node: pod.spec.nodeName,
		scheme,
		target: { kind: "pod", uid: pod.metadata.uid ?? "", ip, port: number },
		authority: authorityOf(ip, number),
	};
}

function portNamed(server: ResourceServer, name: string, port: number): string {
	const service = server.store.get<Service>("services", name);
	if (!service) throw notFound({ group: "", resource: "services" }, name);
	const found = service.spec?.ports?.find((one) => one.port === port);
	if (!found) throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
	return found.name ?? "";
}

const slicesOf = (server: ResourceServer, service: string): EndpointSlice[] =>
	server.store.list<EndpointSlice>(ENDPOINT_SLICES).filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === service);

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready !== false;

interface ChosenEndpoint {
	endpoint: Endpoint;
	ip: string;
	port: number;
}

/** A ready endpoint at random. */
function choose(
	slices: readonly EndpointSlice[],
	isPort: (name: string) => boolean,
	random: () => number,
	isUsable: (endpoint: Endpoint, ip: string) => boolean,
): ChosenEndpoint | undefined {
	const all = slices.flatMap((slice) => {
		const port = (slice.ports ?? []).find((one) => isPort(one.name ?? ""))?.port;
		return port === undefined ? [] : (slice.endpoints ?? []).filter(isReady).map((endpoint) => ({ endpoint, ip: endpoint.addresses[0] ?? "", port }));
	});
	const start = Math.floor(random() * all.length);
	return [...all.slice(start), ...all.slice(0, start)].find(({ endpoint, ip }) => ip !== "" && isUsable(endpoint, ip));
}

function podOf(server: ResourceServer, { targetRef }: Endpoint, ip: string): Pod | undefined {
	if (targetRef?.kind !== "Pod" || !targetRef.name || (targetRef.namespace ?? server.namespace) !== server.namespace) return undefined;
	const pod = server.store.get<Pod>("pods", targetRef.name);
	const ips = [pod?.status?.podIP, ...(pod?.status?.podIPs ?? []).map((one) => one.ip)];
	return ips.includes(ip) ? pod : undefined;
}

/** For the control plane's own calls: any endpoint, since who may write a webhook's or APIService's configuration names the Service. */
export function serviceEndpoint(server: ResourceServer, name: string, port: number, random: () => number): ServiceEndpoint {
	const service = server.store.get<Service>("services", name);
	if (!service) throw notFound({ group: "", resource: "services" }, name);
	if (service.spec?.type === "ExternalName") {
		const host = service.spec.externalName ?? "";
		return { ok: true, node: "", target: { kind: "address", host, port } };
	}
	const servicePort = service.spec?.ports?.find((one: ServicePort) => one.port === port);
	if (!servicePort) throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
	const chosen = choose(
		slicesOf(server, name),
		(one) => one === (servicePort.name ?? ""),
		random,
		() => true,
	);
	if (!chosen) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
	const { endpoint, ip, port: number } = chosen;
	const pod = podOf(server, endpoint, ip);
	const target: TunnelTarget = pod ? { kind: "pod", uid: pod.metadata.uid ?? "", ip, port: number } : { kind: "address", host: ip, port: number };
	return { ok: true, node: pod?.spec?.nodeName ?? endpoint.nodeName ?? "", target };
}

/** Kubelet's port, which is also what no port means. */
const KUBELET_PORT = 10_250;

function nodeTarget(server: ResourceServer, id: string): ProxyPlace {
	const { scheme, name, port } = splitSchemeNamePort(id, "node");
	const node = server.store.get<Node>("nodes", name);
	if (!node) throw notFound({ group: "", resource: "nodes" }, name);
	const host = node.status?.addresses?.find(({ type }) => type === "InternalIP")?.address ?? name;
	const number = port === "" ? KUBELET_PORT : portNumber(port);
	const target: TunnelTarget = number === KUBELET_PORT ? { kind: "node" } : { kind: "address", host, port: number };
	return { node: name, scheme, target, authority: authorityOf(host, number) };
}
