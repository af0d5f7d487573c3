/** PUT of an object, or of one of its object subresources (status, ...). */
import { type KindDefinition, resourceOf } from "../../core/kinds/define-kind.ts";
import { badRequest, notFound } from "../../core/errors/status-error.ts";
import { createObject, updateObject } from "../write.ts";
import { checkAddress, decodeBody, parseJson } from "./body.ts";
import { existingStored, shown, storedKind, toStored } from "./version.ts";
import { groupResource, type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

export function update(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	const options = writeOptions(call);
	const next = decodeBody(server.schema, kind, parseJson(request.body, `${kind.version}.${kind.kind}`), request.body, request, options.addWarning);
	if (!next.metadata?.name) throw badRequest("name must be provided");
	checkAddress(kind, next, request);
	if (!server.store.has(resourceOf(kind), request.name)) return createOnUpdate(call, kind, next, options);
	return { code: 200, object: shown(kind, updateObject(server, storedKind(kind), toStored(kind, next), existingStored(call), options)) };
}

function createOnUpdate(
	call: VerbCall,
	kind: KindDefinition,
	next: Parameters<typeof createObject>[2],
	options: Parameters<typeof createObject>[3],
): VerbResult {
	if (!kind.allowCreateOnUpdate || call.request.subresource !== "") throw notFound(groupResource(kind), call.request.name);
	return { code: 201, object: shown(kind, createObject(call.server, storedKind(kind), toStored(kind, next), options)) };
}
