/** /api and /apis below group and version: every request that speaks of a resource. */
import type { ApiRequest } from "../core/api/request.ts";
import { pathNotFound } from "../core/errors/status-error.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import { listAllNamespaces } from "./all-namespaces.ts";
import { answer, type AnswerOptions } from "./answer.ts";
import { auditOf } from "./audit.ts";
import { patchTypeOf, readJsonBody, readPatch } from "./body.ts";
import { serveExtension } from "./aggregation/extension-proxy.ts";
import { extensionOf, kindsFor } from "./cluster-kinds.ts";
import { serveSession } from "./connect-routes.ts";
import { Converter } from "./conversion.ts";
import { type FrontDoor, userAgentName } from "./front-door.ts";
import { negotiate, wantsPretty } from "./negotiate.ts";
import { auditAnswer, callAdmitted } from "./object-call.ts";
import { serveProxy } from "./proxy-routes.ts";
import { parseQuery } from "./query.ts";
import { includeObjectOf } from "./represent.ts";
import { parseResourcePath, type ResourcePath } from "./request-info.ts";
import { routeOf } from "./resource-route.ts";
import { serveReview } from "./review-routes.ts";
import { serveToken } from "./service-account-token.ts";
import { usageAnswer } from "./usage-routes.ts";
import { serveWatch } from "./watch.ts";

/** Parses, reads and checks everything but what only the owning object knows. */
async function apiRequestOf(c: FrontDoor, path: ResourcePath): Promise<ApiRequest> {
	const raw = c.req.raw;
	const { rest: _, ...resource } = path;
	const patchType = path.verb === "patch" ? patchTypeOf(raw.headers.get("content-type")) : undefined;
	const query = parseQuery(path.verb, c.get("query"), patchType);
	const body = patchType ? await readPatch(raw, patchType) : await readJsonBody(raw);
	auditOf(raw)?.sent(body);
	const more = { ...(patchType ? { patchType } : {}), ...(auditOf(raw)?.isWanted ? { audited: true } : {}) };
	return { ...resource, query, user: c.get("user"), body, ...more, userAgent: userAgentName(raw.headers) };
}

function answerOptions(c: FrontDoor, kind: KindDefinition | undefined, verb: ApiRequest["verb"]): AnswerOptions {
	const { headers } = c.req.raw;
	const query = c.get("query");
	const representation = negotiate(headers.get("accept"), { stream: verb === "watch", transforms: kind !== undefined, protobuf: kind?.types === undefined });
	const pretty = wantsPretty(query, headers.get("user-agent") ?? "");
	return { representation, pretty, includeObject: includeObjectOf(query), kind, nowMs: Date.now(), headers, verb };
}

/** The cluster's root as the client reached it. */
function baseOf(c: FrontDoor): string {
	const { origin, pathname } = new URL(c.req.url);
	return origin + pathname.slice(0, pathname.length - c.get("path").length);
}

async function serveObject(c: FrontDoor, path: ResourcePath, kind: KindDefinition | undefined): Promise<Response> {
	const options = answerOptions(c, kind, path.verb);
	const request = await apiRequestOf(c, path);
	if (kind?.deprecation) auditOf(c.req.raw)?.annotate({ "k8s.io/deprecated": "true" });
	if (kind?.needsBase) request.base = baseOf(c);
	const across = kind?.scope === "Namespaced" && request.namespace === "";
	if (kind && request.verb === "watch") return serveWatch(c, request, options, across);
	const cluster = c.get("cluster");
	const served = across ? await listAllNamespaces(c.env, cluster, request, kind) : await callAdmitted(c.env, cluster, request);
	const response = (await Converter.of(c.env, cluster, kind)?.answer(served)) ?? served;
	auditAnswer(c, response);
	return answer(response, options);
}

/** @throws StatusError for whatever is wrong with the request. */
export async function serveResource(c: FrontDoor): Promise<Response> {
	const path = c.get("resource") ?? parseResourcePath(c.req.raw.method, c.get("path"), c.get("query"));
	if (!path) throw pathNotFound();
	const extension = await extensionOf(c.env, c.get("cluster"), path);
	if (extension) return serveExtension(c, path, extension);
	const route = routeOf(path, await kindsFor(c.env, c.get("cluster"), path));
	if (route.serve === "object") return serveObject(c, path, route.kind);
	if (route.serve === "proxy") return serveProxy(c, path);
	const request = await apiRequestOf(c, path);
	if (route.serve === "session") return serveSession(c, request);
	if (route.serve === "usage") {
		const options = answerOptions(c, route.kind, request.verb);
		return answer(await usageAnswer(c.env, c.get("cluster"), request, route.kind, options.nowMs), options);
	}
	const options = answerOptions(c, undefined, request.verb);
	return route.serve === "token" ? serveToken(c, request, options) : serveReview(c, request, options);
}
