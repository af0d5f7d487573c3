/** Requests to extension API servers: the front proxy shows its certificate, and says who asks. */
import { remoteUserHeaders } from "../../core/api/remote-user.ts";
import type { UserInfo } from "../../core/api/request.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { APIService } from "../../core/schema/kubernetes.d.ts";
import type { Header, TunnelTls } from "../../core/tunnel/frame.ts";
import { clusterObject } from "../addresses.ts";
import type { FrontProxyClient } from "../cluster-ca.ts";
import { callService, type ServiceCall } from "../tunnel/service-call.ts";

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

function tlsOf({ spec }: APIService, { certificate, privateKey }: FrontProxyClient, checked: boolean): TunnelTls {
	const client = { certificate, privateKey };
	if (!checked || spec?.insecureSkipTLSVerify) return { client, insecure: true };
	return { client, ...(spec?.caBundle ? { caBundle: atob(spec.caBundle) } : {}) };
}

export interface ExtensionCall extends Pick<ServiceCall, "method" | "path" | "body" | "webSocket" | "priority" | "signal"> {
	user: UserInfo;
	headers?: Header[];
	/** False for a mere look whether it is there: any certificate will do. */
	checked?: boolean;
}

/** @throws StatusError, TunnelError as callService does. */
export async function callExtension(
	env: WorkerEnv,
	cluster: string,
	service: APIService,
	{ user, headers = [], checked = true, ...call }: ExtensionCall,
): Promise<Response> {
	const { namespace = "", name = "", port = HTTPS_PORT } = service.spec?.service ?? {};
	const tls = tlsOf(service, await frontProxyClient(env, cluster), checked);
	return callService(env, cluster, { namespace, name, port, ...call, headers: [...headers, ...remoteUserHeaders(user)], tls });
}
