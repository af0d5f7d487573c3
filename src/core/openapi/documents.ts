/**
 * The OpenAPI documents, v2 and v3, of what a registry serves. Built when first asked for and kept as text with the
 * registry, which is replaced as a whole when custom kinds change.
 */
import { groupsOf, kindsOf } from "../discovery/discovery.ts";
import type { KindDefinition, KindRegistry } from "../kinds/define-kind.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import { CustomTypes } from "./custom-definitions.ts";
import { Definitions, type Dialect, kindEntry } from "./definitions.ts";
import { openApiV2Message } from "./gnostic.ts";
import { type Operation, type Parameter, type Path, pathsOf } from "./operations.ts";

/** What /version says too. */
export const SERVED_VERSION = "v1.36.0";
/** Part of each document's hash: raise it when the same kinds come out as another document. */
const DOCUMENT_FORM = 1;

const JSON_TYPE = "application/json";
const MEDIA_TYPES: readonly string[] = [JSON_TYPE, "application/yaml", "application/vnd.kubernetes.protobuf"];
const WATCH_MEDIA_TYPES: readonly string[] = [`${JSON_TYPE};stream=watch`, "application/vnd.kubernetes.protobuf;stream=watch"];
const PATCH_MEDIA_TYPES: readonly string[] = [
	"application/json-patch+json",
	"application/merge-patch+json",
	"application/strategic-merge-patch+json",
	"application/apply-patch+yaml",
];
const DESCRIPTIONS: Readonly<Record<number, string>> = { 200: "OK", 201: "Created", 202: "Accepted", 401: "Unauthorized" };
const SECURITY_NAME = "BearerToken";
const SECURITY = { description: "Bearer Token authentication", in: "header", name: "authorization", type: "apiKey" };

/** x-kubernetes-group-version-kind by type: the kinds, their lists, and what every group version registers. */
function kindEntries(registry: KindRegistry): Map<string, Json> {
	const entries = new Map<string, Json>();
	const versions = new Map<string, { group: string; version: string }>([["v1", { group: "", version: "v1" }]]);
	for (const { group, version, schema, openApi } of registry.all()) {
		versions.set(`${group}/${version}`, { group, version });
		if (openApi) continue;
		entries.set(schema, [kindEntry(schema)]);
		entries.set(`${schema}List`, [kindEntry(`${schema}List`)]);
	}
	versions.delete("/v1");
	const everywhere = (kind: string): Json => [...versions.values()].map(({ group, version }) => ({ group, kind, version }));
	entries.set("meta/v1.DeleteOptions", everywhere("DeleteOptions"));
	entries.set("meta/v1.WatchEvent", everywhere("WatchEvent"));
	for (const name of ["meta/v1.Status", "autoscaling/v1.Scale", "policy/v1.Eviction", "core/v1.Binding", "authentication/v1.TokenRequest"])
		entries.set(name, [kindEntry(name)]);
	return entries;
}

function parameterBody(parameter: Parameter, dialect: Dialect): JsonObject {
	const { name, in: place, description, type, required } = parameter;
	const shape = { type, uniqueItems: true };
	return { name, in: place, description, ...(required ? { required } : {}), ...(dialect === "v2" ? shape : { schema: shape }) };
}

function answerSchema(operation: Operation, definitions: Definitions): JsonObject {
	return operation.response === undefined || !definitions.describes(operation.response)
		? { type: operation.response === undefined ? "string" : "object" }
		: definitions.reference(operation.response);
}

function bodySchema(type: string, definitions: Definitions): JsonObject {
	return type === "meta/v1.Patch" || definitions.describes(type) ? definitions.reference(type) : { type: "object" };
}

/** Clients choose how they patch by these. */
const patchMediaTypes = ({ strategicMerge }: Operation): readonly string[] =>
	strategicMerge === false ? PATCH_MEDIA_TYPES.filter((type) => !type.includes("strategic")) : PATCH_MEDIA_TYPES;

function mediaTypesOf(operation: Operation): readonly string[] {
	if (operation.response === undefined) return ["*/*"];
	return operation.action === "list" ? [...MEDIA_TYPES, ...WATCH_MEDIA_TYPES] : MEDIA_TYPES;
}

const contentOf = (types: readonly string[], schema: JsonObject): JsonObject => Object.fromEntries(types.map((type) => [type, { schema }]));

function commonBody(operation: Operation): JsonObject {
	return {
		description: operation.description,
		operationId: operation.id,
		tags: [operation.tag],
		"x-kubernetes-action": operation.action,
		"x-kubernetes-group-version-kind": { ...operation.gvk },
	};
}

function operationV3(operation: Operation, definitions: Definitions): JsonObject {
	const answer = answerSchema(operation, definitions);
	const responses: JsonObject = {};
	for (const code of operation.codes) responses[code] = { description: DESCRIPTIONS[code] ?? "", content: contentOf(mediaTypesOf(operation), answer) };
	responses[401] = { description: "Unauthorized" };
	const { body } = operation;
	const types = operation.method === "patch" ? patchMediaTypes(operation) : ["*/*"];
	const request: JsonObject = body
		? { requestBody: { content: contentOf(types, bodySchema(body.type, definitions)), ...(body.required ? { required: true } : {}) } }
		: {};
	return { ...commonBody(operation), parameters: operation.parameters.map((parameter) => parameterBody(parameter, "v3")), ...request, responses };
}

function operationV2(operation: Operation, definitions: Definitions): JsonObject {
	const answer = answerSchema(operation, definitions);
	const responses: JsonObject = {};
	for (const code of operation.codes) responses[code] = { description: DESCRIPTIONS[code] ?? "", schema: answer };
	responses[401] = { description: "Unauthorized" };
	const { body } = operation;
	const request: JsonObject[] = body
		? [{ name: "body", in: "body", ...(body.required ? { required: true } : {}), schema: bodySchema(body.type, definitions) }]
		: [];
	return {
		...commonBody(operation),
		consumes: [...(operation.method === "patch" ? patchMediaTypes(operation) : ["*/*"])],
		produces: [...mediaTypesOf(operation)],
		schemes: ["https"],
		parameters: [...request, ...operation.parameters.map((parameter) => parameterBody(parameter, "v2"))],
		responses,
	};
}

function pathsBody(paths: readonly Path[], definitions: Definitions): JsonObject {
	const write = definitions.dialect === "v2" ? operationV2 : operationV3;
	const out: JsonObject = {};
	for (const { path, operations, parameters } of paths) {
		const item: JsonObject = { parameters: parameters.map((parameter) => parameterBody(parameter, definitions.dialect)) };
		for (const operation of operations) item[operation.method] = write(operation, definitions);
		out[path] = item;
	}
	return out;
}

interface Kept {
	v3: Map<string, string>;
	v3Index?: string;
	v2?: JsonObject;
	v2Text?: string;
	v2Bytes?: Uint8Array;
}

const keptByRegistry = new WeakMap<KindRegistry, Kept>();

function keptOf(registry: KindRegistry): Kept {
	let kept = keptByRegistry.get(registry);
	if (!kept) keptByRegistry.set(registry, (kept = { v3: new Map() }));
	return kept;
}

/** The paths below /openapi/v3 by group version: "api/v1", "apis/apps/v1". */
function groupVersions(registry: KindRegistry): Map<string, KindDefinition[]> {
	const all = new Map<string, KindDefinition[]>();
	const add = (path: string, group: string, version: string) => {
		const kinds = kindsOf(registry, group, version);
		if (kinds.length > 0) all.set(path, kinds);
	};
	add("api/v1", "", "v1");
	for (const { group, versions } of groupsOf(registry)) for (const version of versions) add(`apis/${group}/${version}`, group, version);
	return all;
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1a in 64 bits: it tells documents apart, nothing depends on it being hard to forge. */
function hashOf(text: string): string {
	let hash = FNV_OFFSET;
	for (let i = 0; i < text.length; i++) hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * FNV_PRIME);
	return hash.toString(16).toUpperCase().padStart(16, "0");
}

/** What a group version's document is made from, in short: equal fingerprints mean equal documents. */
function fingerprint(kinds: readonly KindDefinition[]): string {
	const parts = kinds.map(
		(kind) =>
			`${kind.plural} ${kind.kind} ${kind.scope} ${kind.schema} ${kind.openApi?.revision ?? ""} ${kind.verbs.join(",")} ${JSON.stringify(kind.subresources ?? {})}`,
	);
	return hashOf(`${SERVED_VERSION} ${DOCUMENT_FORM}\n${parts.join("\n")}`);
}

/** GET /openapi/v3: where each group version's document lies. */
export function openApiV3Index(registry: KindRegistry): string {
	const kept = keptOf(registry);
	if (kept.v3Index === undefined) {
		const paths: JsonObject = {};
		for (const [path, kinds] of groupVersions(registry)) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${fingerprint(kinds)}` };
		kept.v3Index = JSON.stringify({ paths });
	}
	return kept.v3Index;
}

/** GET /openapi/v3/{path}, path as in the index; undefined when there is no such document. */
export function openApiV3Document(registry: KindRegistry, path: string): string | undefined {
	const kept = keptOf(registry);
	const known = kept.v3.get(path);
	if (known !== undefined) return known;
	const kinds = groupVersions(registry).get(path);
	if (kinds === undefined) return undefined;
	const definitions = new Definitions("v3", kindEntries(registry), new CustomTypes(kinds));
	const paths = pathsBody(kinds.flatMap(pathsOf), definitions);
	for (const kind of kinds) if (definitions.describes(kind.schema)) definitions.reference(kind.schema);
	const document = {
		openapi: "3.0.0",
		info: { title: "Kubernetes", version: SERVED_VERSION },
		paths,
		components: { schemas: definitions.all(), securitySchemes: { [SECURITY_NAME]: SECURITY } },
	};
	const text = JSON.stringify(document);
	kept.v3.set(path, text);
	return text;
}

/** The swagger document as a value, which other servers' are joined to. */
export function documentV2(registry: KindRegistry): JsonObject {
	const kept = keptOf(registry);
	if (kept.v2 === undefined) {
		const kinds = [...groupVersions(registry).values()].flat();
		const definitions = new Definitions("v2", kindEntries(registry), new CustomTypes(kinds));
		const paths = pathsBody(kinds.flatMap(pathsOf), definitions);
		for (const kind of kinds) if (definitions.describes(kind.schema)) definitions.reference(kind.schema);
		kept.v2 = {
			swagger: "2.0",
			info: { title: "Kubernetes", version: SERVED_VERSION },
			paths,
			definitions: definitions.all(),
			securityDefinitions: { [SECURITY_NAME]: SECURITY },
			security: [{ [SECURITY_NAME]: [] }],
		};
	}
	return kept.v2;
}

/** GET /openapi/v2 as JSON. */
export function openApiV2Json(registry: KindRegistry): string {
	const kept = keptOf(registry);
	kept.v2Text ??= JSON.stringify(documentV2(registry));
	return kept.v2Text;
}

/** What client-go's discovery client asks /openapi/v2 for (Accept), and understands alone. */
export const OPENAPI_V2_PROTOBUF_ACCEPT = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
/** What the answer is called: the @ of the former is no legal media type, and Go's parser refuses it in a Content-Type. */
export const OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/** GET /openapi/v2 as gnostic's protobuf. */
export function openApiV2Protobuf(registry: KindRegistry): Uint8Array {
	const kept = keptOf(registry);
	kept.v2Bytes ??= openApiV2Message(documentV2(registry));
	return kept.v2Bytes;
}
