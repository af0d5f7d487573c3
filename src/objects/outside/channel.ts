/**
 * How who is asked is reached: a Service through a tunnel of a node, whose end checks the certificate; a URL over the internet;
 * another object of the cluster's own by its stub. The platform's fetch trusts public authorities alone, so that a URL with a
 * caBundle is called over a TLS of our own.
 */
import type { CallTarget } from "../../core/admission/outside-call.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { UserInfo } from "../../core/api/request.ts";
import type { ResourceAttributes } from "../../core/authz/attributes.ts";
import type { AuthorizerDecision } from "../../core/cel/library/authorizer.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { Secret, WebhookDeadLetter } from "../../core/schema/kubernetes.d.ts";
import { clusterObject, namespaceObject } from "../addresses.ts";
import { callService } from "../tunnel/service-call.ts";
import { exchange } from "./http1.ts";
import { type Duplex, startTls } from "./tls/tls-client.ts";

/** What a Namespace object tells the others. */
export interface NamespaceInside {
	/** Parameters of policies. */
	collection(resource: string): Promise<KubeObject[]>;
	decision(user: UserInfo, attributes: ResourceAttributes): Promise<AuthorizerDecision>;
	/** For deliveries to the cluster's webhook subscriptions. */
	secret(name: string): Promise<Secret | null>;
	/** What deliveries to a subscription of the cluster are given up. */
	deadLetters(uid: string): Promise<WebhookDeadLetter[]>;
}

/** What the Cluster object tells the others. */
export interface ClusterInside {
	/** Null when there is no such node. */
	nodeLabels(name: string): Promise<Record<string, string> | null>;
}

/** Sends a request and resolves to its answer. */
export type Channel = (request: Request) => Promise<Response>;

const HTTPS_PORT = 443;
const pemOf = (caBundle: string): string => atob(caBundle);

export function channelTo(env: WorkerEnv, cluster: string, { service, caBundle, collection, decision, node }: CallTarget): Channel {
	if (collection !== undefined) return async () => Response.json(await insideOf(env, cluster, collection.namespace).collection(collection.resource));
	if (node !== undefined) return async () => Response.json(await (clusterObject(env, cluster) as unknown as ClusterInside).nodeLabels(node));
	if (decision !== undefined)
		return async () => Response.json(await insideOf(env, cluster, decision.attributes.namespace).decision(decision.user, decision.attributes));
	if (service !== undefined) return (request) => throughTunnel(env, cluster, service, caBundle, request);
	if (caBundle === undefined) return (request) => fetch(request);
	return (request) => overOwnTls(pemOf(caBundle), request);
}

async function throughTunnel(
	env: WorkerEnv,
	cluster: string,
	{ namespace, name, port }: NonNullable<CallTarget["service"]>,
	caBundle: string | undefined,
	request: Request,
): Promise<Response> {
	const { pathname, search } = new URL(request.url);
	return callService(env, cluster, {
		namespace,
		name,
		port,
		method: request.method,
		path: pathname + search,
		headers: [...request.headers],
		body: request.body === null ? null : new Uint8Array(await request.arrayBuffer()),
		tls: caBundle === undefined ? {} : { caBundle: pemOf(caBundle) },
		signal: request.signal,
	});
}

/** `network` is what the connection is made over; absent, what the Worker itself is allowed. */
export async function overOwnTls(trusted: string, request: Request, network?: Pick<Fetcher, "connect">): Promise<Response> {
	// What imports this room under plain Node has no sockets of the platform's, and calls nobody.
	const connect: Fetcher["connect"] = network ? (...to) => network.connect(...to) : (await import("cloudflare:sockets")).connect;
	const { hostname, port } = new URL(request.url);
	const name = hostname.replace(/^\[|\]$/g, "");
	const socket = connect({ hostname: name, port: Number(port || HTTPS_PORT) }, { secureTransport: "off", allowHalfOpen: false });
	// A connection that fails is told of by what is read from it.
	socket.closed.catch(() => {});
	const end = () => void socket.close().catch(() => {});
	request.signal.addEventListener("abort", end, { once: true });
	try {
		await socket.opened;
	} catch {
		throw new Error(`dial tcp ${hostname}:${port || HTTPS_PORT}: connect: connection refused`);
	}
	try {
		return await exchange(await startTls(socket as unknown as Duplex, { serverName: name, trusted, nowMs: Date.now() }), request);
	} catch (error) {
		end();
		throw error;
	}
}

const insideOf = (env: WorkerEnv, cluster: string, namespace: string): NamespaceInside =>
	namespaceObject(env, cluster, namespace) as unknown as NamespaceInside;
