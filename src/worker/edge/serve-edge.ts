/** Public HTTP: finds the route of a request, answers what the edge answers itself, and passes the rest on to a pod. */
import { createHash } from "node:crypto";
import { versionOf, weighted } from "../../core/edge/balance.ts";
import { type ClientRequest, ownAnswer } from "../../core/edge/decision.ts";
import { type EdgeSettings, edgeSettings } from "../../core/edge/edge-settings.ts";
import type { Digests } from "../../core/edge/htpasswd.ts";
import { isInAny } from "../../core/edge/networks.ts";
import type { TableRoute } from "../../core/edge/route-table.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { DEFAULT_CLUSTER } from "../../objects/addresses.ts";
import { logFault } from "../../objects/log.ts";
import { clusterNamed } from "../cluster-directory.ts";
import { edgePage, edgeStatus } from "./edge-page.ts";
import { type EdgeState, edgeStateOf } from "./edge-state.ts";
import { type Exchange, forward } from "./forward.ts";

const digest = (name: string, bytes: Uint8Array): Uint8Array => new Uint8Array(createHash(name).update(bytes).digest());
const digests: Digests = { md5: (bytes) => digest("md5", bytes), sha1: (bytes) => digest("sha1", bytes) };
const SECONDS_PER_MINUTE = 60;

/** Where a request says who its client is: on an account in a header that the platform alone writes, else in the connection. */
function clientOf(request: Request, { apiHosts }: EdgeSettings): string {
	if (apiHosts !== undefined) return request.headers.get("cf-connecting-ip") ?? "";
	const { clientIp = "" } = (request.cf ?? {}) as { clientIp?: string };
	return clientIp.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
}

/** Where and from whom a request came in. */
type Arrival = Pick<ClientRequest, "scheme" | "authority" | "client" | "path" | "search" | "query">;

export function arrivalAt(raw: Request, arrival: Arrival): ClientRequest {
	const authority = arrival.authority.toLowerCase();
	return {
		...arrival,
		authority,
		host: authority.replace(/:\d+$/, "").replace(/\.$/, ""),
		method: raw.method,
		header: (name) => raw.headers.get(name),
	};
}

function clientRequest(raw: Request, settings: EdgeSettings): ClientRequest {
	const url = new URL(raw.url);
	return arrivalAt(raw, {
		authority: raw.headers.get("host") ?? url.host,
		scheme: url.protocol === "https:" ? "https" : "http",
		path: url.pathname,
		search: url.search,
		query: url.searchParams,
		client: clientOf(raw, settings),
	});
}

/** Whether a request that came by the API's own socket is the edge's. */
export function isEdgeRequest(request: Request, env: WorkerEnv): boolean {
	const { apiHosts } = edgeSettings(env.PETREL_EDGE);
	return apiHosts !== undefined && !apiHosts.includes(new URL(request.url).hostname);
}

/** A hosted cluster's hosts are its name under the edge's domain, and all below; every other host is the default cluster's. */
function clusterOf(host: string, domain: string | undefined): string {
	if (domain === undefined || !host.endsWith(`.${domain}`)) return DEFAULT_CLUSTER;
	return (
		host
			.slice(0, -domain.length - 1)
			.split(".")
			.at(-1) ?? DEFAULT_CLUSTER
	);
}

/** Never rejects. */
export async function serveEdge(raw: Request, env: WorkerEnv, ctx: ExecutionContext): Promise<Response> {
	try {
		const settings = edgeSettings(env.PETREL_EDGE);
		const request = clientRequest(raw, settings);
		const { id } = await clusterNamed(env, clusterOf(request.host, settings.domain), Date.now()).catch(() => ({ id: undefined }));
		if (id === undefined) return edgeStatus(404);
		return await serveArrival(raw, env, ctx, id, request);
	} catch (error) {
		logFault("a request at the edge", error);
		return edgeStatus(500);
	}
}

/** Rejects with internal faults alone. */
export async function serveArrival(raw: Request, env: WorkerEnv, ctx: ExecutionContext, cluster: string, request: ClientRequest): Promise<Response> {
	const state = edgeStateOf(env, cluster);
	await state.look(Date.now());
	const match = state.table.match(request);
	return match ? serveRoute({ raw, env, ctx, cluster, state, match, request }, edgeSettings(env.PETREL_EDGE)) : edgeStatus(404);
}

async function serveRoute(exchange: Exchange, settings: EdgeSettings): Promise<Response> {
	const { match: found, request, state } = exchange;
	const limited = limit(found.route, request, state);
	if (typeof limited !== "function") return limited;
	// The route's own rules hold for its canary too: only where it leads to is another.
	const answer = ownAnswer(found, request, settings.ports, digests);
	const target = answer ? undefined : weighted(versionOf(found.route, request, Math.random()).targets, Math.random());
	if (answer || target === undefined) {
		limited();
		return answer ? edgePage(answer) : edgeStatus(503);
	}
	if (target.service === "") {
		limited();
		return edgeStatus(500);
	}
	return forward({ ...exchange, target, done: limited });
}

/** The refusal, or what ends the client's request. */
function limit(route: TableRoute, { client }: ClientRequest, state: EdgeState): Response | (() => void) {
	const { limits } = route.policy;
	if (limits === undefined || isInAny(client, limits.exempt)) return () => undefined;
	const { kind, namespace, name } = route.origin;
	const key = `${kind}/${namespace}/${name} ${client}`;
	const rates = [
		{ unit: "second", perSecond: limits.perSecond, burst: (limits.perSecond ?? 0) * limits.burst },
		{ unit: "minute", perSecond: limits.perMinute && limits.perMinute / SECONDS_PER_MINUTE, burst: (limits.perMinute ?? 0) * limits.burst },
	];
	for (const { unit, perSecond, burst } of rates)
		if (perSecond !== undefined && !state.limiter.take(`${unit} ${key}`, perSecond, burst, Date.now())) return edgeStatus(429);
	if (limits.connections === undefined) return () => undefined;
	if (state.clients.of(key) >= limits.connections) return edgeStatus(429);
	return state.clients.begin(key);
}
