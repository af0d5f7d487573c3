/** DELETE of a collection: every object that the selectors match. */
import { gatherCalls } from "../../core/admission/outside-call.ts";
import { apiVersionOf, resourceOf } from "../../core/kinds/define-kind.ts";
import { matcherOf } from "../selection.ts";
import { deleteObject } from "../write.ts";
import { removalOptions } from "./delete.ts";
import { shown, storedKind } from "./version.ts";
import { type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

export function deleteCollection(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	const matcher = matcherOf(kind, request.query, server.namespace);
	const options = removalOptions(server, request, writeOptions(call));
	const found = server.store.list(resourceOf(kind), matcher ? { matcher } : {});
	const items = gatherCalls(found.map((object) => () => shown(kind, deleteObject(server, storedKind(kind), object, options).object)));
	return {
		code: 200,
		object: {
			kind: kind.listKind ?? `${kind.kind}List`,
			apiVersion: apiVersionOf(kind),
			metadata: { resourceVersion: String(server.store.clock.cut()) },
			items,
		},
	};
}
