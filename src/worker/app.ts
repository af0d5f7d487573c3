/** The front door: routes, and what every request passes through before and after them. */
import { Context, type Handler, Hono } from "hono";
import { pathNotFound, unauthorized } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import {
	serveAgentSession,
	serveAgentRelay,
	serveAgentTunnel,
	serveCertificate,
	serveCredential,
	serveHeldPoll,
	serveJoin,
	serveReport,
	serveVolumeSecret,
} from "./agent-routes.ts";
import { errorResponse } from "./answer.ts";
import { serveResource } from "./api-routes.ts";
import { type AuditRecord, auditOf, beginAudit, endAudit } from "./audit.ts";
import { authenticate } from "./authenticate.ts";
import { splitClusterPath } from "./cluster-path.ts";
import { serveEdgeCertificate } from "./edge/edge-node-routes.ts";
import { type FrontDoor, type FrontDoorEnv, isWebSocketUpgrade } from "./front-door.ts";
import { LoadShedder } from "./load-shedding.ts";
import { managementPath } from "./management-path.ts";
import { addManagementRoutes } from "./management-routes.ts";
import { recordRequest } from "./metrics.ts";
import { authorizePath } from "./path-authorization.ts";
import { isTrue } from "../core/api/query-values.ts";
import { parseResourcePath, PROXY_PATH, type ResourcePath } from "./request-info.ts";
import { parseRequestUrl } from "./request-url.ts";
import { addStaticRoutes } from "./static-routes.ts";
import { serveWebhook } from "./webhook-routes.ts";

const shedder = new LoadShedder();

/** Requests that last: they wait far more than they work, so they do not count as load. */
function isLong(request: Request, path: string, query: URLSearchParams): boolean {
	if (isWebSocketUpgrade(request.headers) || PROXY_PATH.test(path)) return true;
	if (query.size > 0 && (isTrue(query.get("watch")) || isTrue(query.get("follow")))) return true;
	return path.endsWith("/poll") && path.startsWith("/agent/");
}

/** Authenticates, then serves. */
const authenticated =
	(handler: (c: FrontDoor) => Response | Promise<Response>): Handler<FrontDoorEnv> =>
	async (c) => {
		const { user, cluster, impersonator, constraint } = await authenticate(c.env, c.get("clusterName"), c.req.raw, c.get("path"), Date.now());
		auditOf(c.req.raw)?.authenticated(cluster, impersonator ?? user, impersonator && { user, constraint: constraint ?? "" });
		c.set("user", user);
		c.set("cluster", cluster);
		return handler(c);
	};

/** Whoever may not ask for a path is told that, and not whether there is such a one. */
async function notFound(c: FrontDoor): Promise<Response> {
	await authorizePath(c);
	throw pathNotFound();
}

const routerPath = (pathname: string): string => managementPath(pathname) ?? splitClusterPath(pathname)?.path ?? "/";

function createApp(): Hono<FrontDoorEnv> {
	const app = new Hono<FrontDoorEnv>({ getPath: (request) => routerPath(new URL(request.url).pathname) });
	app.use(async (c, next) => {
		const url = new URL(c.req.url);
		const split = splitClusterPath(url.pathname);
		if (!split) throw pathNotFound();
		c.set("clusterName", split.cluster);
		c.set("path", split.path);
		c.set("query", url.searchParams);
		await next();
	});
	addManagementRoutes(app);
	addStaticRoutes(app, authenticated, () => shedder.inFlight);
	app.post("/agent/v1/join", authenticated(serveJoin));
	app.get("/agent/v1/nodes/:name/poll", authenticated(serveHeldPoll));
	app.post("/agent/v1/nodes/:name/poll", authenticated(serveReport));
	app.post("/agent/v1/nodes/:name/credential", authenticated(serveCredential));
	app.post("/agent/v1/nodes/:name/certificate", authenticated(serveCertificate));
	app.post("/agent/v1/nodes/:name/volume-secret", authenticated(serveVolumeSecret));
	app.get("/agent/v1/sessions/:id", authenticated(serveAgentSession));
	app.get("/agent/v1/tunnels/:tunnel", authenticated(serveAgentTunnel));
	app.get("/agent/v1/relays/:node", authenticated(serveAgentRelay));
	app.all("/webhooks/:namespace/:name/:token/:secret?", serveWebhook);
	app.get("/agent/v1/edge/certificates/:host", authenticated(serveEdgeCertificate));
	app.all("/api/*", authenticated(serveResource));
	app.all("/apis/*", authenticated(serveResource));
	// Whoever cannot say who they are is not told what there is.
	app.notFound(async (c) => {
		if (!c.get("clusterName")) return errorResponse(unauthorized(), c.req.raw);
		return authenticated(notFound)(c, async () => {}) as Promise<Response>;
	});
	app.onError((error, c) => errorResponse(error, c.req.raw));
	return app;
}

const app = createApp();

const serveAuthenticatedResource = authenticated(serveResource);

/** The resource that a request speaks of; undefined for what is none, or is wrong. */
function resourceOf(method: string, path: string, query: URLSearchParams): ResourcePath | undefined {
	try {
		return parseResourcePath(method, path, query);
	} catch {
		// A path or method that names nothing: the router says so.
		return undefined;
	}
}

const noNext = async (): Promise<void> => {};

/** Requests for resources, nearly all there are, pass by the router: where they go is known. */
async function serveDirectly(
	request: Request,
	env: WorkerEnv,
	ctx: ExecutionContext,
	known: Omit<FrontDoorEnv["Variables"], "user" | "cluster">,
): Promise<Response> {
	const c = new Context<FrontDoorEnv>(request, { env, executionCtx: ctx });
	c.set("clusterName", known.clusterName);
	c.set("path", known.path);
	c.set("query", known.query);
	c.set("resource", known.resource);
	return (await serveAuthenticatedResource(c, noNext)) as Response;
}

/** The Worker's fetch handler. Never rejects. */
export async function serve(request: Request, env: WorkerEnv, ctx: ExecutionContext): Promise<Response> {
	const startMs = Date.now();
	const auditId = crypto.randomUUID();
	const { pathname, query } = parseRequestUrl(request.url);
	const split = splitClusterPath(pathname);
	const path = split?.path ?? pathname;
	const resource = resourceOf(request.method, path, query);
	const long = isLong(request, path, query);
	const work = async () =>
		split && resource ? serveDirectly(request, env, ctx, { clusterName: split.cluster, path: split.path, query, resource }) : app.fetch(request, env, ctx);
	let audit: AuditRecord | undefined;
	let response: Response;
	try {
		audit = beginAudit(env, request, path, auditId, startMs);
		response = long ? await work() : await shedder.run(work);
	} catch (error) {
		response = errorResponse(error, request);
	}
	const verb = resource?.verb ?? request.method.toLowerCase();
	recordRequest(verb, response.status === 404 ? "" : nameOf(resource), response.status, (Date.now() - startMs) / 1000);
	// An upgrade's headers are the object's own.
	if (response.status !== 101) response.headers.set("audit-id", auditId);
	return audit === undefined ? response : endAudit(env, audit, response, long, ctx);
}

/** What metrics call a resource. */
function nameOf(resource: ResourcePath | undefined): string {
	if (resource === undefined) return "";
	return resource.subresource === "" ? resource.resource : `${resource.resource}/${resource.subresource}`;
}
