/** Between the version of a kind that a request speaks and the one that is stored: what verbs do with an object before and after a write. */
import { notFound } from "../../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition, resourceOf } from "../../core/kinds/define-kind.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import { groupResource, type VerbCall } from "./verb.ts";

export const storedKind = (kind: KindDefinition): KindDefinition => kind.storedAs?.kind ?? kind;

/** A decoded object with its version's defaults, as the stored kind's. */
export function toStored(kind: KindDefinition, object: KubeObject): KubeObject {
	if (kind.storedAs === undefined) return object;
	object.metadata ??= {};
	kind.defaults?.(object);
	const stored = kind.storedAs.encode(object);
	return { ...stored, apiVersion: apiVersionOf(kind.storedAs.kind), kind: kind.storedAs.kind.kind };
}

/** What a write made, in the version that it was asked in. */
export const shown = (kind: KindDefinition, stored: KubeObject): KubeObject => (kind.storedAs && kind.present ? kind.present(stored) : stored);

/** The object that the request names, as it is written back: the stored version's; throws NotFound. */
export function existingStored({ server, kind, request }: VerbCall): KubeObject {
	const found = kind.storedAs ? server.store.get(resourceOf(kind), request.name) : server.read(kind, request.name);
	if (found === undefined) throw notFound(groupResource(kind), request.name);
	return found;
}
