/**
 * A request that the control plane itself makes to the cluster's API as one of its users: the very way that a client's request
 * goes from where it is known who asks, with its own entry in the audit log.
 */
import { Context } from "hono";
import type { UserInfo } from "../core/api/request.ts";
import { pathNotFound } from "../core/errors/status-error.ts";
import { errorResponse } from "./answer.ts";
import { serveResource } from "./api-routes.ts";
import { beginAudit, endAudit } from "./audit.ts";
import type { FrontDoor, FrontDoorEnv } from "./front-door.ts";
import { parseResourcePath } from "./request-info.ts";

export interface OwnRequest {
	method: string;
	/** Below the cluster's root. */
	path: string;
	query: Readonly<Record<string, string>>;
	contentType: string;
	/** JSON text; "" for none. */
	body: string;
	userAgent: string;
}

/** `from`: the request that this one is made for. Never rejects. */
export async function serveAs(from: FrontDoor, user: UserInfo, own: OwnRequest): Promise<Response> {
	const url = new URL(from.req.url);
	url.pathname = own.path;
	const query = new URLSearchParams(own.query);
	url.search = query.toString();
	const headers = { accept: "application/json", "content-type": own.contentType, "user-agent": own.userAgent };
	const request = new Request(url, { method: own.method, headers, ...(own.body === "" ? {} : { body: own.body }) });
	const audit = beginAudit(from.env, request, own.path, crypto.randomUUID(), Date.now());
	audit?.authenticated(from.get("cluster"), user, undefined);
	const response = await served(from, user, request, own.path, query).catch((error: unknown) => errorResponse(error, request));
	return audit === undefined ? response : endAudit(from.env, audit, response, false, from.executionCtx as ExecutionContext);
}

async function served(from: FrontDoor, user: UserInfo, request: Request, path: string, query: URLSearchParams): Promise<Response> {
	const resource = parseResourcePath(request.method, path, query);
	if (resource === undefined) throw pathNotFound();
	const c = new Context<FrontDoorEnv>(request, { env: from.env, executionCtx: from.executionCtx });
	for (const key of ["clusterName", "cluster"] as const) c.set(key, from.get(key));
	c.set("path", path);
	c.set("query", query);
	c.set("resource", resource);
	c.set("user", user);
	return serveResource(c);
}
