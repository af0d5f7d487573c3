/**
 * Requests of the control plane itself to a Service of the cluster: admission and conversion webhooks, aggregated APIs. The
 * Namespace object names an endpoint, a tunnel of its node leads there; the caller's RBAC is asked elsewhere.
 */
import { StatusError, unavailable } from "../../core/errors/status-error.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { Header, TunnelPriority, TunnelTls } from "../../core/tunnel/frame.ts";
import { clusterObject, namespaceObject } from "../addresses.ts";
import type { Duplex } from "../outside/tls/tls-client.ts";
import { requestThroughTunnel } from "./tunnel-request.ts";

export interface ServiceCall {
	namespace: string;
	name: string;
	port: number;
	method: string;
	/** With its query. */
	path: string;
	headers?: Header[];
	body?: ReadableStream<Uint8Array> | Uint8Array | null;
	/** Absent for plain HTTP. Without `serverName` the certificate must name `<name>.<namespace>.svc`. */
	tls?: TunnelTls;
	/** Subprotocols to offer, when the request is a WebSocket's: the answer is then a 101 with a webSocket. */
	webSocket?: string[];
	priority?: TunnelPriority;
	/** Ends the request, for example AbortSignal.timeout. */
	signal?: AbortSignal;
}

/** Where a connection to the Service goes. @throws StatusError 404, 503 */
async function endpointOf(env: WorkerEnv, cluster: string, { namespace, name, port }: Pick<ServiceCall, "namespace" | "name" | "port">) {
	const endpoint = await namespaceObject(env, cluster, namespace).serviceEndpoint(name, port);
	if (!endpoint.ok) throw StatusError.from(endpoint.status);
	const node = endpoint.node || (await clusterObject(env, cluster).connectedNode());
	if (!node) throw unavailable(`no node is connected that leads to service ${JSON.stringify(name)}`);
	return { node, target: endpoint.target };
}

/**
 * A connection to the Service: the node that it leads through passes bytes on, and sees nothing of what is sealed in them.
 * @throws StatusError 404, 503; TunnelError as callService does.
 */
export async function connectService(
	env: WorkerEnv,
	cluster: string,
	call: Pick<ServiceCall, "namespace" | "name" | "port" | "priority" | "signal">,
): Promise<Duplex> {
	const { node, target } = await endpointOf(env, cluster, call);
	const { readable: body, writable } = new TransformStream<Uint8Array, Uint8Array>();
	const head = { target, method: "CONNECT", path: "", headers: [], raw: true as const, priority: call.priority ?? "interactive" };
	const { body: readable } = await requestThroughTunnel(env, cluster, node, { ...head, body, signal: call.signal });
	if (readable === null) throw new Error("a bare connection has no bytes");
	return { readable: readable as ReadableStream<Uint8Array>, writable };
}

/**
 * What the Service answers; its body streams.
 * @throws StatusError 404, 503 when the Service has no endpoint for this port.
 * @throws TunnelError when there is no answer; its message reads like the error of Go's net/http ("dial tcp ...: connection refused").
 */
export async function callService(env: WorkerEnv, cluster: string, call: ServiceCall): Promise<Response> {
	const { node, target } = await endpointOf(env, cluster, call);
	const serverName = `${call.name}.${call.namespace}.svc`;
	const given = call.headers ?? [];
	const has = (wanted: string): boolean => given.some(([name]) => name.toLowerCase() === wanted);
	const headers: Header[] = [
		...given,
		...(has("host") ? [] : [["Host", `${serverName}:${call.port}`] as Header]),
		// Not every receiver takes chunks.
		...(call.body instanceof Uint8Array && !has("content-length") ? [["Content-Length", String(call.body.length)] as Header] : []),
	];
	return requestThroughTunnel(env, cluster, node, {
		target,
		method: call.method,
		path: call.path,
		headers,
		...(call.tls ? { tls: { serverName, ...call.tls } } : {}),
		...(call.webSocket ? { webSocket: call.webSocket } : {}),
		priority: call.priority ?? "interactive",
		body: call.body ?? null,
		signal: call.signal,
	});
}
