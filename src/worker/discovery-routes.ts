/** /api, /apis and /openapi: what there is, from the registry of kinds. Each document is written once an isolate and set of kinds. */
import type { Hono } from "hono";
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from "../core/discovery/discovery.ts";
import { pathNotFound } from "../core/errors/status-error.ts";
import type { KindRegistry } from "../core/kinds/define-kind.ts";
import { GROUP_AUTHENTICATED } from "../core/protocol/tokens.ts";
import { aggregatedWith, groupListWith, groupWith } from "../core/discovery/extensions.ts";
import type { APIService } from "../core/schema/kubernetes.d.ts";
import { extensionIn, extensionsOf } from "./aggregation/extension-documents.ts";
import { serveExtensionPath } from "./aggregation/extension-proxy.ts";
import { currentlyServed, extensionOf } from "./cluster-kinds.ts";
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

interface Served {
	kinds: KindRegistry;
	/** What other servers serve: APIServices by which they are found. */
	services: readonly APIService[];
}

async function servedOf(c: FrontDoor): Promise<Served> {
	// Everyone who is known may discover (system:discovery): that needs no hop.
	if (!c.get("user").groups.includes(GROUP_AUTHENTICATED)) await authorizePath(c);
	const { registry, services } = await currentlyServed(c.env, c.get("cluster"));
	return { kinds: registry, services };
}

async function serveAggregated(c: FrontDoor, root: "api" | "apis", version: "v2" | "v2beta1"): Promise<Response> {
	const { kinds, services } = await servedOf(c);
	const document =
		services.length === 0 || root === "api"
			? await aggregatedDocument(kinds, root, version)
			: await documentOf(JSON.stringify(aggregatedWith(aggregatedDiscovery(kinds, root, version), await extensionsOf(c.env, c.get("cluster"), services))));
	return document.respond(c.req.raw.headers, `application/json;g=apidiscovery.k8s.io;v=${version};as=${AGGREGATED_KIND}`);
}

/** Where nobody is asked for its resources: names and priorities are the APIServices' own. */
async function serveGroups(c: FrontDoor): Promise<Response> {
	const { kinds, services } = await servedOf(c);
	return plain(c, groupListWith(apiGroupList(kinds), services.map(extensionIn)));
}

async function serveGroup(c: FrontDoor): Promise<Response> {
	const { kinds, services } = await servedOf(c);
	const group = c.req.param("group") ?? "";
	return plain(c, groupWith(apiGroup(kinds, group), group, services.map(extensionIn)));
}

async function serveGroupVersion(c: FrontDoor): Promise<Response> {
	const { group = "", version = "" } = c.req.param();
	const extension = await extensionOf(c.env, c.get("cluster"), { group, version, resource: "" });
	if (extension) return serveExtensionPath(c, extension);
	return plain(c, apiResourceList((await servedOf(c)).kinds, group, version));
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
	return root === "api" ? plain(c, apiVersions(new URL(c.req.url).host)) : serveGroups(c);
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
			authenticated(async (c) => plain(c, apiResourceList((await servedOf(c)).kinds, "", c.req.param("version") ?? ""))),
		);
		app.get(`/apis/:group${slash}`, authenticated(serveGroup));
		app.get(`/apis/:group/:version${slash}`, authenticated(serveGroupVersion));
	}
	addOpenApiRoutes(app, authenticated);
}
