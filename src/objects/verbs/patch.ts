/** PATCH of an object or of one of its object subresources: JSON Patch, merge patch, strategic merge patch, server-side apply. */
import { serverSideApply } from "../../core/apply/apply.ts";
import { badRequest, notFound, unsupportedMediaType } from "../../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition } from "../../core/kinds/define-kind.ts";
import { isJsonObject, type Json, type JsonObject, type KubeObject } from "../../core/meta/object.ts";
import { applyJsonPatch } from "../../core/patch/json-patch.ts";
import { applyMergePatch } from "../../core/patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../../core/patch/strategic-merge-patch.ts";
import type { Schema } from "../../core/schema/types.ts";
import { createObject, updateObject } from "../write.ts";
import { checkAddress, checkTypeMeta, decodeBody, managerOf, parseJson } from "./body.ts";
import { existingStored, shown, storedKind, toStored } from "./version.ts";
import { existing, groupResource, type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

/** What a kind without strategic merge patches takes. */
const PATCHES_WITHOUT_STRATEGIC = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];

export function patch(call: VerbCall): VerbResult {
	return call.request.patchType === "apply" ? apply(call) : change(call);
}

/** The patched document. The type's name steers a strategic merge patch. */
export function patched(schema: Schema, typeName: string, call: VerbCall, original: KubeObject | JsonObject): JsonObject {
	const document = original as unknown as JsonObject;
	const text = call.request.body;
	if (call.request.patchType === "strategic" && call.kind.strategicMerge === false) throw unsupportedMediaType(PATCHES_WITHOUT_STRATEGIC);
	if (call.request.patchType === "json") return applyJsonPatch(document, parsePatch(text)) as JsonObject;
	const body = parseJson(text, "map[string]interface {}");
	return call.request.patchType === "merge" ? (applyMergePatch(document, body) as JsonObject) : applyStrategicMergePatch(schema, typeName, document, body);
}

function parsePatch(text: string): Json[] {
	let value: Json;
	try {
		value = JSON.parse(text) as Json;
	} catch (error) {
		throw badRequest(`error decoding patch: ${(error as Error).message}`);
	}
	return value as Json[];
}

function change(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	const options = writeOptions(call);
	const old = existing(call);
	const document = patched(server.schemaOf(kind), kind.schema, call, old);
	const next = decodeBody(server.schema, kind, document, request.patchType === "json" ? undefined : request.body, request, options.addWarning);
	checkAddress(kind, next, request);
	return { code: 200, object: shown(kind, updateObject(server, storedKind(kind), toStored(kind, next), existingStored(call), options)) };
}

/** Whether a configuration's name can be read; where it cannot, its metadata is refused by its schema like any other field. */
function isAddressed({ metadata = {} }: JsonObject): boolean {
	if (metadata !== null && !isJsonObject(metadata)) return false;
	return [metadata?.["name"], metadata?.["namespace"]].every((text) => text === undefined || text === null || typeof text === "string");
}

function apply(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	if (!request.query.fieldManager) throw badRequest('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch');
	const options = { ...writeOptions(call), applied: true };
	// The configuration is taken as it was written: it owns what it says, not what decoding or defaults add.
	const sent = parseJson(request.body, "map[string]interface {}");
	checkTypeMeta(kind, sent);
	const config = sent as unknown as KubeObject;
	if (isAddressed(sent)) checkAddress(kind, config, request);
	const live = server.read(kind, request.name);
	if (live === undefined && request.subresource !== "") throw notFound(groupResource(kind), request.name);
	const merged = serverSideApply(server.schemaOf(kind), kind.schema, live, config, applyOptions(call, kind));
	const next = decodeBody(server.schema, kind, merged as unknown as JsonObject, request.body, request, options.addWarning);
	if (live === undefined) return { code: 201, object: shown(kind, createObject(server, storedKind(kind), toStored(kind, next), options)) };
	return { code: 200, object: shown(kind, updateObject(server, storedKind(kind), toStored(kind, next), existingStored(call), options)) };
}

const applyOptions = ({ server, request }: VerbCall, kind: KindDefinition) => ({
	manager: managerOf(request),
	force: request.query.force === true,
	nowIso: server.nowIso(),
	subresource: request.subresource,
	apiVersion: apiVersionOf(kind),
});
