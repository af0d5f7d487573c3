/** /openapi/v2 and /openapi/v3: the schema of what is served. */
import type { Hono } from "hono";
import { notAcceptable, pathNotFound } from "../core/errors/status-error.ts";
import type { KindRegistry } from "../core/kinds/define-kind.ts";
import {
	OPENAPI_V2_PROTOBUF,
	OPENAPI_V2_PROTOBUF_ACCEPT,
	openApiV2Json,
	openApiV2Protobuf,
	openApiV3Document,
	openApiV3Index,
} from "../core/openapi/documents.ts";
import { currentKinds } from "./cluster-kinds.ts";
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

const kindsOf = (c: FrontDoor): Promise<KindRegistry> => currentKinds(c.env, c.get("cluster"));

async function serveV2(c: FrontDoor): Promise<Response> {
	const kinds = await kindsOf(c);
	const type = chosenType(c.req.header("accept"), [JSON_TYPE, OPENAPI_V2_PROTOBUF, OPENAPI_V2_PROTOBUF_ACCEPT]);
	if (type === JSON_TYPE) return (await required(kept(kinds, "v2 json", () => openApiV2Json(kinds)))).respond(c.req.raw.headers, JSON_TYPE);
	return (await required(kept(kinds, "v2 protobuf", () => openApiV2Protobuf(kinds)))).respond(c.req.raw.headers, OPENAPI_V2_PROTOBUF);
}

async function serveV3Index(c: FrontDoor): Promise<Response> {
	chosenType(c.req.header("accept"), [JSON_TYPE]);
	const kinds = await kindsOf(c);
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
	const kinds = await kindsOf(c);
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
