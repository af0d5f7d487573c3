/** From a request's body to an object of its kind: decoding, strictness, and the checks of apiVersion, kind, name and namespace. */
import type { ApiRequest } from "../../core/api/request.ts";
import { badRequest, type StatusError } from "../../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition } from "../../core/kinds/define-kind.ts";
import type { Json, JsonObject, KubeObject } from "../../core/meta/object.ts";
import { decodeObject, duplicateFields, strictErrors } from "../../core/schema/decode.ts";
import type { Schema } from "../../core/schema/types.ts";

/** What a body is decoded as: a kind, or what is posted to a subresource. */
export type BodyKind = Pick<KindDefinition, "group" | "version" | "kind" | "schema" | "decode">;

/** What Go's decoder calls a JSON value. */
const jsonKind = (value: Json): string => (Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value);

/** The body as JSON; a syntax error gets upstream's 400. */
export function parseJson(body: string, into: string): JsonObject {
	let value: Json;
	try {
		value = JSON.parse(body) as Json;
	} catch (error) {
		throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
	}
	if (value === null || typeof value !== "object" || Array.isArray(value))
		throw badRequest(`couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(value)} into Go value of type ${into}`);
	return value;
}

/** The two are read before anything else is, into a struct that has no name. */
function checkTypeText(field: string, text: Json | undefined): void {
	if (text === undefined || text === null || typeof text === "string") return;
	throw badRequest(`couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(text)} into Go struct field .${field} of type string`);
}

/** What a body leaves out the decoder of a built-in kind takes from the URL (gvkWithDefaults of runtime/serializer/json); a custom kind's does not. */
function fillTypeMeta(kind: BodyKind, value: JsonObject): void {
	for (const field of ["apiVersion", "kind"]) checkTypeText(field, value[field]);
	if (kind.decode !== undefined) return;
	if (!value.kind) value.kind = kind.kind;
	if (!value.apiVersion) value.apiVersion = apiVersionOf(kind);
}

export function checkTypeMeta(kind: BodyKind, value: JsonObject): void {
	if (!value.kind) throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(value).slice(0, 256)}'`);
	const given = `${value.apiVersion ?? ""}, Kind=${value.kind}`;
	const wanted = `${apiVersionOf(kind)}, Kind=${kind.kind}`;
	if (given !== wanted)
		throw badRequest(
			`the API version in the data (${value.apiVersion ?? ""}) does not match the expected API version (${apiVersionOf(kind)})${value.kind === kind.kind ? "" : `: got kind ${JSON.stringify(value.kind)}, want ${JSON.stringify(kind.kind)}`}`,
		);
}

/** Decodes what a client sent (or a patch made) into an object; complaints go where fieldValidation says. */
export function decodeBody(
	schema: Schema,
	kind: BodyKind,
	value: JsonObject,
	text: string | undefined,
	request: ApiRequest,
	addWarning: (text: string) => void,
): KubeObject {
	fillTypeMeta(kind, value);
	checkTypeMeta(kind, value);
	const { object, unknownFields } = kind.decode ? kind.decode(value) : decodeObject(schema, kind.schema, value);
	const mode = request.query.fieldValidation ?? "Warn";
	if (mode === "Ignore") return object as unknown as KubeObject;
	const duplicates = text === undefined ? [] : duplicateFields(text);
	if (unknownFields.length + duplicates.length > 0) {
		if (mode === "Strict") throw strictDecodingError(kind, strictErrors(unknownFields, duplicates) ?? "");
		for (const complaint of [...unknownFields, ...duplicates]) addWarning(complaint);
	}
	return object as unknown as KubeObject;
}

const strictDecodingError = (kind: BodyKind, errors: string): StatusError =>
	badRequest(`${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${errors}`);

/** The name and namespace of the object must be the URL's. */
export function checkAddress(kind: KindDefinition, object: KubeObject, request: ApiRequest): void {
	object.metadata ??= {};
	const { namespace, name } = object.metadata;
	if (kind.scope === "Namespaced" && namespace && namespace !== request.namespace)
		throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
	if (request.name && name && name !== request.name) throw badRequest(`the name of the object (${name}) does not match the name on the URL (${request.name})`);
	if (request.name && !name) object.metadata.name = request.name;
}

/** The field manager of a request: the parameter, else the User-Agent up to its first slash. */
export function managerOf(request: ApiRequest): string {
	return request.query.fieldManager || request.userAgent.split("/")[0] || "unknown";
}
