/** Requests to extension API servers: the front proxy shows its certificate, and says who asks. */
import { remoteUserHeaders } from "../../core/api/remote-user.ts";
import type { UserInfo } from "../../core/api/request.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { APIService } from "../../core/schema/kubernetes.d.ts";
import type { Header, TunnelPriority } from "../../core/tunnel/frame.ts";
import { clusterObject } from "../addresses.ts";
import type { FrontProxyClient } from "../cluster-ca.ts";
import { exchangeStreaming } from "../outside/http1.ts";
import { startTls } from "../outside/tls/tls-client.ts";
import { exchangeWebSocket } from "../outside/web-socket.ts";
import { connectService } from "../tunnel/service-call.ts";
import { TunnelError } from "../tunnel/tunnel-request.ts";

const HTTPS_PORT = 443;
/** A certificate is used until this long before its end, in milliseconds. */
const RENEW_BEFORE_MS = 30 * 60_000;
/** Clusters whose certificate an isolate keeps. */
const CLUSTERS_MAX = 256;

const clients = new Map<string, Promise<FrontProxyClient>>();

async function frontProxyClient(env: WorkerEnv, cluster: string): Promise<FrontProxyClient> {
	const known = await clients.get(cluster)?.catch(() => undefined);
	if (known !== undefined && known.notAfterMs - RENEW_BEFORE_MS > Date.now()) return known;
	const made = clusterObject(env, cluster).frontProxyClient();
	clients.delete(cluster);
	clients.set(cluster, made);
	const oldest = clients.size > CLUSTERS_MAX ? clients.keys().next().value : undefined;
	if (oldest !== undefined) clients.delete(oldest);
	return made;
}

/** Who is trusted: nobody by name where the APIService has no bundle, since no public authority vouches for a Service. */
const trustedBy = ({ spec }: APIService, checked: boolean): string | undefined =>
	!checked || spec?.insecureSkipTLSVerify ? undefined : spec?.caBundle ? atob(spec.caBundle) : "";

export interface ExtensionCall {
	user: UserInfo;
	method: string;
	/** With its query. */
	path: string;
	headers?: Header[];
	body?: ReadableStream<Uint8Array> | null;
	/** Subprotocols to offer, when the request is a WebSocket's: the answer is then a 101 with a webSocket. */
	webSocket?: string[];
	priority?: TunnelPriority;
	/** Ends the request. */
	signal?: AbortSignal;
	/** False for a mere look whether it is there: any certificate will do. */
	checked?: boolean;
}

/**
 * The TLS is ours from end to end: the node that the connection leads through has neither the front proxy's key nor what is said.
 * @throws StatusError 404, 503 when the Service has no endpoint for this port; TunnelError when there is no answer.
 */
export async function callExtension(env: WorkerEnv, cluster: string, service: APIService, call: ExtensionCall): Promise<Response> {
	const { namespace = "", name = "", port = HTTPS_PORT } = service.spec?.service ?? {};
	const { user, method, path, headers = [], body = null, webSocket, priority = "interactive", signal, checked = true } = call;
	const client = await frontProxyClient(env, cluster);
	const serverName = `${name}.${namespace}.svc`;
	const connection = await connectService(env, cluster, { namespace, name, port, priority, ...(signal ? { signal } : {}) });
	const request = { method, path, headers: [...headers, ["host", `${serverName}:${port}`] as Header, ...remoteUserHeaders(user)], body };
	try {
		const inner = await startTls(connection, { serverName, trusted: trustedBy(service, checked), client, nowMs: Date.now() });
		return await (webSocket ? exchangeWebSocket(inner, request, webSocket) : exchangeStreaming(inner, request));
	} catch (error) {
		throw error instanceof TunnelError ? error : new TunnelError({ code: "tls", message: (error as Error).message });
	}
}
