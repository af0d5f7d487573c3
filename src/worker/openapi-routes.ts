/** /openapi/v2 and /openapi/v3: the schema of what is served. */
import type { Hono } from "hono";
import { notAcceptable, pathNotFound } from "../core/errors/status-error.ts";
import type { KindRegistry } from "../core/kinds/define-kind.ts";
import {
	documentV2,
	OPENAPI_V2_PROTOBUF,
	OPENAPI_V2_PROTOBUF_ACCEPT,
	openApiV2Json,
	openApiV2Protobuf,
	openApiV3Document,
	openApiV3Index,
} from "../core/openapi/documents.ts";
import { openApiV2With } from "../core/discovery/extensions.ts";
import { openApiV2Message } from "../core/openapi/gnostic.ts";
import type { APIService } from "../core/schema/kubernetes.d.ts";
import { extensionIn, openApiV2Of, openApiV3PathsOf } from "./aggregation/extension-documents.ts";
import { serveExtensionDocument } from "./aggregation/extension-proxy.ts";
import { currentlyServed, extensionOf } from "./cluster-kinds.ts";
import { type Document, documentOf } from "./document.ts";
import type { FrontDoor, FrontDoorEnv } from "./front-door.ts";
import { JSON_TYPE } from "./negotiate.ts";
import type { Authenticated } from "./static-routes.ts";

const V3_ROOT = "/openapi/v3";
/** A URL that carries its document's hash never changes its meaning. */
const IMMUTABLE = "public, immutable, max-age=31536000";

const documentsByKinds = new WeakMap<KindRegistry, Map<string, Promise<Document>>>();

/** Written once an isolate and set of kinds; undefined when there is none of the name. */
function kept(kinds: KindRegistry, name: string, make: () => string | Uint8Array | undefined): Promise<Document> | undefined {
	const documents = documentsByKinds.get(kinds) ?? new Map<string, Promise<Document>>();
	documentsByKinds.set(kinds, documents);
	const known = documents.get(name);
	if (known) return known;
	const body = make();
	if (body === undefined) return undefined;
	const made = documentOf(body);
	documents.set(name, made);
	return made;
}

const required = (document: Promise<Document> | undefined): Promise<Document> => {
	if (!document) throw pathNotFound();
	return document;
};

/** The first media type of the Accept header that is served. @throws StatusError 406 */
function chosenType(accept: string | undefined, served: readonly string[]): string {
	if (!accept) return JSON_TYPE;
	for (const clause of accept.split(",")) {
		const type = clause.split(";")[0]?.trim() ?? "";
		if (type === "*/*" || type === "application/*") return JSON_TYPE;
		if (served.includes(type)) return type;
	}
	throw notAcceptable(served);
}

const servedOf = (c: FrontDoor) => currentlyServed(c.env, c.get("cluster"));

/** With what other servers tell of theirs; who tells nothing that is understood is left out. */
async function joinedV2(c: FrontDoor, kinds: KindRegistry, services: readonly APIService[], isJson: boolean): Promise<Document> {
	let joined = documentV2(kinds);
	for (const [index, other] of (await openApiV2Of(c.env, c.get("cluster"), services)).entries()) {
		const service = services[index];
		if (other !== undefined && service) joined = openApiV2With(joined, other, extensionIn(service));
	}
	return documentOf(isJson ? JSON.stringify(joined) : openApiV2Message(joined));
}

async function serveV2(c: FrontDoor): Promise<Response> {
	const { registry: kinds, services } = await servedOf(c);
	const type = chosenType(c.req.header("accept"), [JSON_TYPE, OPENAPI_V2_PROTOBUF, OPENAPI_V2_PROTOBUF_ACCEPT]);
	if (services.length > 0) {
		const isJson = type === JSON_TYPE;
		return (await joinedV2(c, kinds, services, isJson)).respond(c.req.raw.headers, isJson ? JSON_TYPE : OPENAPI_V2_PROTOBUF);
	}
	if (type === JSON_TYPE) return (await required(kept(kinds, "v2 json", () => openApiV2Json(kinds)))).respond(c.req.raw.headers, JSON_TYPE);
	return (await required(kept(kinds, "v2 protobuf", () => openApiV2Protobuf(kinds)))).respond(c.req.raw.headers, OPENAPI_V2_PROTOBUF);
}

async function serveV3Index(c: FrontDoor): Promise<Response> {
	chosenType(c.req.header("accept"), [JSON_TYPE]);
	const { registry: kinds, services } = await servedOf(c);
	if (services.length > 0) {
		const { paths } = JSON.parse(openApiV3Index(kinds)) as { paths: Record<string, unknown> };
		const theirs = await openApiV3PathsOf(c.env, c.get("cluster"), services);
		return (await documentOf(JSON.stringify({ paths: { ...paths, ...theirs } }))).respond(c.req.raw.headers, JSON_TYPE, "no-cache, private");
	}
	return (await required(kept(kinds, "v3", () => openApiV3Index(kinds)))).respond(c.req.raw.headers, JSON_TYPE, "no-cache, private");
}

/** The address that the index gives for a document, with its hash. */
function currentAddress(kinds: KindRegistry, path: string): string | undefined {
	const index = JSON.parse(openApiV3Index(kinds)) as { paths: Record<string, { serverRelativeURL: string }> };
	return Object.hasOwn(index.paths, path) ? index.paths[path]?.serverRelativeURL : undefined;
}

async function serveV3(c: FrontDoor): Promise<Response> {
	const path = c.get("path").slice(V3_ROOT.length + 1);
	chosenType(c.req.header("accept"), [JSON_TYPE]);
	const [, group = "", version = ""] = /^apis\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
	const extension = group === "" ? undefined : await extensionOf(c.env, c.get("cluster"), { group, version, resource: "" });
	if (extension) return serveExtensionDocument(c, extension);
	const { registry: kinds } = await servedOf(c);
	const document = await required(kept(kinds, `v3 ${path}`, () => openApiV3Document(kinds, path)));
	const hash = c.get("query").get("hash");
	if (hash === null) return document.respond(c.req.raw.headers, JSON_TYPE, "no-cache, private");
	const address = currentAddress(kinds, path) ?? "";
	if (address.endsWith(`?hash=${hash}`)) return document.respond(c.req.raw.headers, JSON_TYPE, IMMUTABLE);
	const url = new URL(c.req.url);
	const root = url.pathname.slice(0, url.pathname.length - c.get("path").length);
	return new Response(null, { status: 301, headers: { location: `${root}${address}` } });
}

export function addOpenApiRoutes(app: Hono<FrontDoorEnv>, authenticated: Authenticated): void {
	app.get("/openapi/v2", authenticated(serveV2));
	app.get(V3_ROOT, authenticated(serveV3Index));
	app.get(`${V3_ROOT}/`, authenticated(serveV3Index));
	app.get(`${V3_ROOT}/*`, authenticated(serveV3));
}
