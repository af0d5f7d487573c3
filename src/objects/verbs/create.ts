/** POST to a collection. */
import { createObject } from "../write.ts";
import { checkAddress, decodeBody, parseJson } from "./body.ts";
import { shown, storedKind, toStored } from "./version.ts";
import { type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

export function create(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	const options = writeOptions(call);
	const object = decodeBody(server.schema, kind, parseJson(request.body, `${kind.version}.${kind.kind}`), request.body, request, options.addWarning);
	checkAddress(kind, object, request);
	return { code: 201, object: shown(kind, createObject(server, storedKind(kind), toStored(kind, object), options)) };
}
