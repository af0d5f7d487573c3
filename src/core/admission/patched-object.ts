/** From what a patch made of an object, as some version of its kind, back to the object that is to be stored. */
import type { KindDefinition } from "../kinds/define-kind.ts";
import type { JsonObject, KubeObject } from "../meta/object.ts";
import { decodeObject } from "../schema/decode.ts";
import type { AdmissionRequest, AdmissionView } from "./plugin.ts";

/** Decoded, in the request's own version, with its defaults. Throws 400 for what is no object of the kind. */
export function objectOf(request: AdmissionRequest, kind: KindDefinition, document: JsonObject, view: AdmissionView): KubeObject {
	if (request.subject !== undefined) return decodeObject(view.schema, request.subject.schema, document).object as unknown as KubeObject;
	const decoded = (kind.decode ? kind.decode(document) : decodeObject(view.schema, kind.schema, document)).object as unknown as KubeObject;
	const object = kind === request.kind ? decoded : view.convert(decoded, request.kind);
	request.kind.defaults?.(object);
	return object;
}
