/** pods/proxy, services/proxy and nodes/proxy: the owning object authorises and says where; a tunnel of the node leads there. */
import type { ApiRequest } from "../core/api/request.ts";
import { tooManyRequests, unavailable } from "../core/errors/status-error.ts";
import type { Header } from "../core/tunnel/frame.ts";
import type { ProxyTarget } from "../objects/rpc.ts";
import { type FrontDoor, isWebSocketUpgrade, userAgentName } from "./front-door.ts";
import { auditOf } from "./audit.ts";
import { askOwner } from "./object-call.ts";
import { type ProxyPrefix, rewrittenAnswer } from "./proxied-answer.ts";
import { PROXY_PATH, type ResourcePath } from "./request-info.ts";
import { offeredProtocols } from "./web-socket-protocols.ts";
import { requestThroughTunnel, TunnelError } from "../objects/tunnel/tunnel-request.ts";

/** Of one connection, or said to this server alone. */
export const NOT_PASSED = /^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|expect|authorization|impersonate-.*)$/;
export const TOKEN_PROTOCOL_PREFIX = "base64url.bearer.authorization.k8s.io.";
const RETRY_AFTER_SECONDS = 1;

async function targetOf(c: FrontDoor, path: ResourcePath, wanted: string): Promise<ProxyTarget> {
	const { rest: _, ...resource } = path;
	const raw: [string, string][] = [["path", wanted]];
	const { headers } = c.req.raw;
	const audited = auditOf(c.req.raw)?.isWanted ? { audited: true } : {};
	const request: ApiRequest = { ...resource, query: { raw }, user: c.get("user"), body: "", userAgent: userAgentName(headers), ...audited };
	return (await askOwner<ProxyTarget>(c, request)).value;
}

/** The path behind "/proxy" as it was sent, and the query. */
function locationOf(c: FrontDoor): { prefix: string; path: string; query: string } {
	const url = new URL(c.req.url);
	const [, prefix = "", rest] = PROXY_PATH.exec(c.get("path")) ?? [];
	const wanted = rest === undefined ? (c.get("query").get("path") ?? "") : rest;
	const above = url.pathname.slice(0, url.pathname.length - c.get("path").length);
	return { prefix: above + prefix, path: wanted === "" || wanted.startsWith("/") ? wanted : `/${wanted}`, query: url.search };
}

function passedHeaders(raw: Request, prefix: ProxyPrefix, path: string): Header[] {
	const headers: Header[] = [...raw.headers].filter(([name]) => !NOT_PASSED.test(name));
	const client = raw.headers.get("cf-connecting-ip");
	const before = raw.headers.get("x-forwarded-for");
	const others = headers.filter(([name]) => !/^x-forwarded-(for|uri|host|proto)$/.test(name));
	others.push(["X-Forwarded-Uri", `${prefix.path}${path}`], ["X-Forwarded-Host", prefix.host], ["X-Forwarded-Proto", prefix.protocol.replace(":", "")]);
	const forwardedFor = [before, client].filter((one) => one !== null).join(", ");
	if (forwardedFor !== "") others.push(["X-Forwarded-For", forwardedFor]);
	if (!raw.headers.has("host")) others.push(["Host", prefix.host]);
	return others;
}

/** What a client is told of a tunnel that brought no answer. */
function faultAnswer(error: TunnelError, url: string): Response {
	if (error.code === "limit") throw tooManyRequests(error.message, RETRY_AFTER_SECONDS);
	if (error.code === "disconnected") throw unavailable(`error dialing backend: ${error.message}`);
	const text = `Error: '${error.message}'\nTrying to reach: '${url}'`;
	return new Response(text, { status: 503, headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** @throws StatusError as the owning object refuses. */
export async function serveProxy(c: FrontDoor, path: ResourcePath): Promise<Response> {
	const { raw } = c.req;
	const { prefix, path: given, query } = locationOf(c);
	const target = await targetOf(c, path, given);
	const rest = target.path;
	if (rest === "" && (raw.method === "GET" || raw.method === "HEAD") && !isWebSocketUpgrade(raw.headers))
		return new Response(null, { status: 301, headers: { location: `${prefix}/${query}` } });
	const { protocol, host } = new URL(raw.url);
	const links: ProxyPrefix = { protocol, host: raw.headers.get("host") ?? host, path: prefix, targetHost: target.authority };
	const wanted = `${rest || "/"}${query}`;
	try {
		const response = await requestThroughTunnel(c.env, c.get("cluster"), target.node, {
			target: target.target,
			method: raw.method,
			path: wanted,
			headers: passedHeaders(raw, links, rest),
			...(target.scheme === "https" ? { tls: { insecure: true } } : {}),
			...(isWebSocketUpgrade(raw.headers) ? { webSocket: offeredProtocols(raw.headers).filter((one) => !one.startsWith(TOKEN_PROTOCOL_PREFIX)) } : {}),
			priority: "interactive",
			body: raw.body as ReadableStream<Uint8Array> | null,
			signal: raw.signal,
		});
		return rewrittenAnswer(response, links);
	} catch (error) {
		if (error instanceof TunnelError) return faultAnswer(error, `${target.scheme}://${target.authority}${wanted}`);
		throw error;
	}
}
