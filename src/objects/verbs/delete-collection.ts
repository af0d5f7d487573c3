/** DELETE of a collection: every object that the selectors match. */
import { apiVersionOf, resourceOf } from "../../core/kinds/define-kind.ts";
import { matcherOf } from "../selection.ts";
import { deleteObject } from "../write.ts";
import { removalOptions } from "./delete.ts";
import { shown, storedKind } from "./version.ts";
import type { VerbCall, VerbResult } from "./verb.ts";

export function deleteCollection({ server, kind, request }: VerbCall): VerbResult {
	const matcher = matcherOf(kind, request.query, server.namespace);
	const options = removalOptions(request);
	const items = server.store
		.list(resourceOf(kind), matcher ? { matcher } : {})
		.map((object) => shown(kind, deleteObject(server, storedKind(kind), object, options).object));
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
