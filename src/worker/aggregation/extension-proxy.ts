/** Requests that an extension API server answers: this server knows who asks and whether they may, and passes on (kube-aggregator's handler_proxy.go). */
import { AGGREGATOR, isRemoteUserHeader } from "../../core/api/remote-user.ts";
import type { ApiRequest } from "../../core/api/request.ts";
import { isAvailable } from "../../core/controllers/apiservice/availability.ts";
import { StatusError } from "../../core/errors/status-error.ts";
import type { APIService } from "../../core/schema/kubernetes.d.ts";
import type { Header } from "../../core/tunnel/frame.ts";
import { clusterObject, namespaceObject } from "../../objects/addresses.ts";
import { callExtension } from "../../objects/aggregation/extension-call.ts";
import { TunnelError } from "../../objects/tunnel/tunnel-request.ts";
import { type FrontDoor, isWebSocketUpgrade, userAgentName } from "../front-door.ts";
import { authorizePath } from "../path-authorization.ts";
import { NOT_PASSED, TOKEN_PROTOCOL_PREFIX } from "../proxy-routes.ts";
import type { ResourcePath } from "../request-info.ts";
import { offeredProtocols } from "../web-socket-protocols.ts";

/** As Go's http.Error writes it. */
const refused = (message: string): Response =>
	new Response(`${message}\n`, { status: 503, headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" } });

/** By the roles of the namespace that the path names, or of the cluster. @throws StatusError 403 */
async function authorize(c: FrontDoor, path: ResourcePath): Promise<void> {
	const { rest: _, ...resource } = path;
	const fieldSelector = c.get("query").get("fieldSelector");
	const query: ApiRequest["query"] = { raw: [], ...(fieldSelector === null ? {} : { fieldSelector }) };
	const request: ApiRequest = { ...resource, query, user: c.get("user"), body: "", userAgent: userAgentName(c.req.raw.headers) };
	const cluster = c.get("cluster");
	const refusal =
		path.namespace === ""
			? await clusterObject(c.env, cluster).authorizeCluster(request)
			: await namespaceObject(c.env, cluster, path.namespace).authorizeNamespaced(request);
	if (refusal) throw StatusError.from(refusal);
}

function passedHeaders(raw: Request): Header[] {
	const { host, protocol } = new URL(raw.url);
	const headers: Header[] = [...raw.headers].filter(([name]) => !NOT_PASSED.test(name) && !isRemoteUserHeader(name) && name !== "host" && name !== "cookie");
	const client = raw.headers.get("cf-connecting-ip");
	const kept = headers.filter(([name]) => !/^x-forwarded-(for|host|proto)$/.test(name));
	kept.push(["X-Forwarded-Host", raw.headers.get("host") ?? host], ["X-Forwarded-Proto", protocol.replace(":", "")]);
	const forwardedFor = [raw.headers.get("x-forwarded-for"), client].filter((one) => one !== null).join(", ");
	if (forwardedFor !== "") kept.push(["X-Forwarded-For", forwardedFor]);
	return kept;
}

/** A watch or log must reach the client as it comes: what lies between holds back what it could compress. */
function unbuffered(response: Response): Response {
	const { headers } = response;
	if (response.status === 101 || headers.has("content-length") || headers.has("content-encoding")) return response;
	headers.set("content-encoding", "identity");
	headers.set("cache-control", [headers.get("cache-control"), "no-transform"].filter((one) => one !== null).join(", "));
	return response;
}

async function passOn(c: FrontDoor, service: APIService, user = c.get("user")): Promise<Response> {
	if (!isAvailable(service)) return refused("service unavailable");
	const { raw } = c.req;
	const webSocket = isWebSocketUpgrade(raw.headers) ? offeredProtocols(raw.headers).filter((one) => !one.startsWith(TOKEN_PROTOCOL_PREFIX)) : undefined;
	try {
		const response = await callExtension(c.env, c.get("cluster"), service, {
			user,
			method: raw.method,
			path: c.get("path") + new URL(raw.url).search,
			headers: passedHeaders(raw),
			body: raw.body as ReadableStream<Uint8Array> | null,
			...(webSocket ? { webSocket } : {}),
			signal: raw.signal,
		});
		return unbuffered(response);
	} catch (error) {
		if (error instanceof StatusError) return refused("service unavailable");
		if (error instanceof TunnelError) return refused(`error trying to reach service: ${error.message}`);
		throw error;
	}
}

export async function serveExtension(c: FrontDoor, path: ResourcePath, service: APIService): Promise<Response> {
	await authorize(c, path);
	return passOn(c, service);
}

/** A path that names no resource: the discovery document of the group version. */
export async function serveExtensionPath(c: FrontDoor, service: APIService): Promise<Response> {
	await authorizePath(c);
	return passOn(c, service);
}

/** Its OpenAPI v3 document, which whoever may read this server's may read too. */
export const serveExtensionDocument = (c: FrontDoor, service: APIService): Promise<Response> => passOn(c, service, AGGREGATOR);
