/** What the edge answers itself, and what it makes of a request that it passes on. */
import { isAuthenticated, type Digests } from "./htpasswd.ts";
import { isInAny } from "./networks.ts";
import type { Cors, EdgePolicy, HeaderChanges, PathChange, Redirect } from "./policy.ts";
import type { EdgeRequest, RouteMatch, TableRoute } from "./route-table.ts";

export interface ClientRequest extends EdgeRequest {
	/** With its port. */
	authority: string;
	/** With its question mark, or "". */
	search: string;
	/** The client's address; "" when it is not known. */
	client: string;
}

/** The edge's own ports, as clients reach them; absent where there is none. */
export interface EdgePorts {
	http?: number;
	https?: number;
}

export interface EdgeAnswer {
	status: number;
	headers: [name: string, value: string][];
}

const HTTPS_PORT = 443;
const PERMANENT_REDIRECT = 308;

/** Undefined where the request is to be passed on. */
export function ownAnswer({ route, captures }: RouteMatch, request: ClientRequest, ports: EdgePorts, digests: Digests): EdgeAnswer | undefined {
	const { policy } = route;
	const { allow, deny, cors, auth } = policy;
	if (policy.answer !== undefined) return { status: policy.answer, headers: [] };
	const secure = secureRedirect(policy, request, ports);
	if (secure) return secure;
	if (allow && !isInAny(request.client, allow)) return { status: 403, headers: [] };
	if (deny && isInAny(request.client, deny)) return { status: 403, headers: [] };
	if (policy.redirect) return redirected(policy.redirect, route, captures, request);
	if (policy.appRoot && request.path === "/") return { status: 302, headers: [["location", policy.appRoot]] };
	if (cors && isPreflight(request)) return { status: 204, headers: corsHeaders(cors, request) };
	if (auth && !isAuthenticated(request.header("authorization"), auth.users, digests))
		return { status: 401, headers: [["www-authenticate", `Basic realm=${JSON.stringify(auth.realm)}`]] };
	const length = Number(request.header("content-length") ?? 0);
	if (policy.bodyBytesMax !== undefined && length > policy.bodyBytesMax) return { status: 413, headers: [] };
	return undefined;
}

function secureRedirect({ httpsRedirect }: EdgePolicy, request: ClientRequest, { https }: EdgePorts): EdgeAnswer | undefined {
	if (httpsRedirect === undefined || request.scheme === "https") return undefined;
	if (https === undefined && httpsRedirect !== "always") return undefined;
	const port = https === undefined || https === HTTPS_PORT ? "" : `:${https}`;
	return { status: PERMANENT_REDIRECT, headers: [["location", `https://${request.host}${port}${request.path}${request.search}`]] };
}

function redirected(redirect: Redirect, route: TableRoute, captures: readonly string[], request: ClientRequest): EdgeAnswer {
	const status = redirect.status;
	if (redirect.url !== undefined) return { status, headers: [["location", redirect.url]] };
	const scheme = redirect.scheme ?? request.scheme;
	const host = redirect.hostname ?? request.host;
	const asked = /:(\d+)$/.exec(request.authority)?.[1];
	// A scheme that is named brings its own port along; else the port stays.
	const port = redirect.port ?? (redirect.scheme ? undefined : asked === undefined ? undefined : Number(asked));
	const isImplied = port === undefined || (scheme === "http" && port === 80) || (scheme === "https" && port === HTTPS_PORT);
	const path = redirect.path ? changedPath(redirect.path, route, captures, request.path) : request.path;
	return { status, headers: [["location", `${scheme}://${host}${isImplied ? "" : `:${port}`}${path}${request.search}`]] };
}

export function changedPath({ type, value }: PathChange, { path: { value: matched } }: TableRoute, captures: readonly string[], path: string): string {
	if (type === "full") return value.startsWith("/") ? value : `/${value}`;
	if (type === "template") {
		const filled = value.replace(/\$(\d)/g, (_, digit: string) => captures[Number(digit)] ?? "");
		return filled.startsWith("/") ? filled : `/${filled}`;
	}
	const rest = path.slice(matched.endsWith("/") ? matched.length - 1 : matched.length);
	const joined = `${value.endsWith("/") ? value.slice(0, -1) : value}${rest === "" || rest.startsWith("/") ? rest : `/${rest}`}`;
	return joined.startsWith("/") ? joined : `/${joined}`;
}

/** The path and query that the pod sees. */
export function upstreamPath({ route, captures }: RouteMatch, { path, search }: ClientRequest): string {
	const change = route.policy.path;
	return `${change ? changedPath(change, route, captures, path) : path}${search}`;
}

const isPreflight = ({ method, header }: EdgeRequest): boolean =>
	method === "OPTIONS" && header("origin") !== null && header("access-control-request-method") !== null;

/** What answers say of other origins; nothing to one that is not allowed. */
export function corsHeaders(cors: Cors, request: EdgeRequest): [string, string][] {
	const origin = request.header("origin");
	const all = cors.origins.includes("*");
	if (origin === null || !(all || cors.origins.some((allowed) => isOrigin(allowed, origin)))) return [];
	// "*" even with credentials, which browsers then do not send: any site's page would speak for the user otherwise.
	const headers: [string, string][] = [["access-control-allow-origin", all ? "*" : origin]];
	if (!all) headers.push(["vary", "Origin"]);
	if (cors.credentials) headers.push(["access-control-allow-credentials", "true"]);
	if (cors.exposed !== "") headers.push(["access-control-expose-headers", cors.exposed]);
	if (!isPreflight(request)) return headers;
	return [
		...headers,
		["access-control-allow-methods", cors.methods],
		["access-control-allow-headers", cors.headers],
		["access-control-max-age", String(cors.maxAgeSeconds)],
	];
}

/** "https://*.example.com" stands for one label. */
function isOrigin(allowed: string, origin: string): boolean {
	const star = allowed.indexOf("*.");
	if (star < 0) return allowed.toLowerCase() === origin.toLowerCase();
	const [before, after] = [allowed.slice(0, star), allowed.slice(star + 1)];
	const label = origin.slice(before.length, origin.length - after.length);
	return origin.startsWith(before) && origin.endsWith(after) && label !== "" && !label.includes(".");
}

/** Of one connection, or said to this server alone. */
const NOT_PASSED =
	/^(connection|keep-alive|proxy-connection|proxy-authorization|te|trailer|transfer-encoding|upgrade|expect|cf-.*|x-petrel-edge-.*|x-forwarded-(for|host|port|proto|scheme)|x-real-ip|x-request-id|x-scheme|forwarded)$/;

/** The headers that the pod sees. What a client says of who it is counts for nothing. */
export function upstreamHeaders(policy: EdgePolicy, given: Iterable<[string, string]>, request: ClientRequest, requestId: string): [string, string][] {
	const named = (request.header("connection") ?? "").toLowerCase().split(/\s*,\s*/);
	const headers = [...given].filter(([name]) => !NOT_PASSED.test(name) && name !== "host" && !named.includes(name));
	// The edge's own credential is not the pod's.
	const own = policy.auth ? headers.filter(([name]) => name !== "authorization") : headers;
	const port = /:(\d+)$/.exec(request.authority)?.[1] ?? (request.scheme === "https" ? "443" : "80");
	own.push(
		["Host", policy.upstreamHost ?? request.authority],
		["X-Request-Id", request.header("x-request-id") ?? requestId],
		["X-Forwarded-Host", request.authority],
		["X-Forwarded-Port", port],
		["X-Forwarded-Proto", request.scheme],
		["X-Forwarded-Scheme", request.scheme],
	);
	if (request.client !== "") own.push(["X-Forwarded-For", request.client], ["X-Real-IP", request.client]);
	return policy.requestHeaders ? changedHeaders(own, policy.requestHeaders) : own;
}

/** The order of RequestHeaderModifier: set, add, remove. */
function changedHeaders(headers: readonly [string, string][], { set, add, remove }: HeaderChanges): [string, string][] {
	const gone = new Set([...set.map(([name]) => name), ...remove].map((name) => name.toLowerCase()));
	const added = new Map(add.map(([name, value]) => [name.toLowerCase(), value]));
	const kept = headers.filter(([name]) => !gone.has(name.toLowerCase()));
	const joined = kept.map(([name, value]): [string, string] => {
		const more = added.get(name.toLowerCase());
		added.delete(name.toLowerCase());
		return [name, more === undefined ? value : `${value},${more}`];
	});
	return [...joined, ...set, ...add.filter(([name]) => added.has(name.toLowerCase()))];
}
