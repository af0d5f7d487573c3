/** /api, /apis and /openapi: what there is, from the registry of kinds. Each document is written once an isolate and set of kinds. */
import type { Hono } from "hono";
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from "../core/discovery/discovery.ts";
import { pathNotFound } from "../core/errors/status-error.ts";
import type { KindRegistry } from "../core/kinds/define-kind.ts";
import { GROUP_AUTHENTICATED } from "../core/protocol/tokens.ts";
import { currentKinds } from "./cluster-kinds.ts";
import { type Document, documentOf } from "./document.ts";
import type { FrontDoor, FrontDoorEnv } from "./front-door.ts";
import { negotiate } from "./negotiate.ts";
import { addOpenApiRoutes } from "./openapi-routes.ts";
import { authorizePath } from "./path-authorization.ts";
import { serialize } from "./represent.ts";
import type { Authenticated } from "./static-routes.ts";

const AGGREGATED_KIND = "APIGroupDiscoveryList";
const AGGREGATED = /application\/json\s*;([^,]*)/g;

/** The version of aggregated discovery that is asked for before plain JSON is, if any. */
export function aggregatedVersion(accept: string | null): "v2" | "v2beta1" | undefined {
	for (const [, parameters = ""] of (accept ?? "").matchAll(AGGREGATED)) {
		const given = new Map(parameters.split(";").map((p) => p.trim().split("=") as [string, string]));
		const version = given.get("v");
		if (given.get("g") === "apidiscovery.k8s.io" && given.get("as") === AGGREGATED_KIND && (version === "v2" || version === "v2beta1")) return version;
	}
	return undefined;
}

const aggregated = new WeakMap<KindRegistry, Map<string, Promise<Document>>>();

function aggregatedDocument(kinds: KindRegistry, root: "api" | "apis", version: "v2" | "v2beta1"): Promise<Document> {
	const documents = aggregated.get(kinds) ?? new Map<string, Promise<Document>>();
	aggregated.set(kinds, documents);
	const key = `${root} ${version}`;
	const made = documents.get(key) ?? documentOf(JSON.stringify(aggregatedDiscovery(kinds, root, version)));
	documents.set(key, made);
	return made;
}

async function kindsOf(c: FrontDoor): Promise<KindRegistry> {
	// Everyone who is known may discover (system:discovery): that needs no hop.
	if (!c.get("user").groups.includes(GROUP_AUTHENTICATED)) await authorizePath(c);
	return currentKinds(c.env, c.get("cluster"));
}

async function serveAggregated(c: FrontDoor, root: "api" | "apis", version: "v2" | "v2beta1"): Promise<Response> {
	const document = await aggregatedDocument(await kindsOf(c), root, version);
	return document.respond(c.req.raw.headers, `application/json;g=apidiscovery.k8s.io;v=${version};as=${AGGREGATED_KIND}`);
}

function plain(c: FrontDoor, value: unknown): Response {
	if (value === undefined) throw pathNotFound();
	const representation = negotiate(c.req.header("accept"), { transforms: false });
	const body = serialize(value, representation, c.get("query").has("pretty"));
	return new Response(body, { headers: { "content-type": representation.mediaType, "cache-control": "no-cache, private", vary: "Accept" } });
}

async function serveRoot(c: FrontDoor, root: "api" | "apis"): Promise<Response> {
	const version = aggregatedVersion(c.req.header("accept") ?? null);
	if (version) return serveAggregated(c, root, version);
	return plain(c, root === "api" ? apiVersions(new URL(c.req.url).host) : apiGroupList(await kindsOf(c)));
}

export function addDiscoveryRoutes(app: Hono<FrontDoorEnv>, authenticated: Authenticated): void {
	for (const slash of ["", "/"]) {
		app.get(
			`/api${slash}`,
			authenticated((c) => serveRoot(c, "api")),
		);
		app.get(
			`/apis${slash}`,
			authenticated((c) => serveRoot(c, "apis")),
		);
		app.get(
			`/api/:version${slash}`,
			authenticated(async (c) => plain(c, apiResourceList(await kindsOf(c), "", c.req.param("version") ?? ""))),
		);
		app.get(
			`/apis/:group${slash}`,
			authenticated(async (c) => plain(c, apiGroup(await kindsOf(c), c.req.param("group") ?? ""))),
		);
		app.get(
			`/apis/:group/:version${slash}`,
			authenticated(async (c) => plain(c, apiResourceList(await kindsOf(c), c.req.param("group") ?? "", c.req.param("version") ?? ""))),
		);
	}
	addOpenApiRoutes(app, authenticated);
}
