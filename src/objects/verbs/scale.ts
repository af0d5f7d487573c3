/** GET, PUT and PATCH of the scale subresource: autoscaling/v1 Scale over any kind that declares it. */
import { badRequest } from "../../core/errors/status-error.ts";
import type { KindDefinition, ScaleSubresource } from "../../core/kinds/define-kind.ts";
import { applyScale, scaleOf } from "../../core/kinds/scale.ts";
import type { JsonObject, KubeObject } from "../../core/meta/object.ts";
import type { Scale } from "../../core/schema/kubernetes.d.ts";
import { updateObject } from "../write.ts";
import { type BodyKind, decodeBody, parseJson } from "./body.ts";
import { patched } from "./patch.ts";
import { existing, type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

const SCALE: BodyKind = { group: "autoscaling", version: "v1", kind: "Scale", schema: "autoscaling/v1.Scale" };

export function scale(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	const old = existing(call);
	if (request.verb === "get") return { code: 200, object: scaleOf(kind, old) };
	const sent =
		request.verb === "update" ? parseJson(request.body, "v1.Scale") : patched(server.schema, SCALE.schema, call, scaleOf(kind, old) as unknown as JsonObject);
	const options = writeOptions(call);
	const text = request.patchType === "json" ? undefined : request.body;
	const wanted: Scale = decodeBody(server.schema, SCALE, sent, text, request, options.addWarning);
	if (wanted.metadata?.name && wanted.metadata.name !== request.name)
		throw badRequest(`the name of the object (${wanted.metadata.name}) does not match the name on the URL (${request.name})`);
	const next = structuredClone(old);
	applyScale(kind, next, wanted);
	next.metadata.resourceVersion = wanted.metadata?.resourceVersion ?? "";
	return { code: 200, object: scaleOf(kind, updateObject(server, kind, next, old, options)) };
}

export const hasScale = (kind: KindDefinition): kind is KindDefinition & { subresources: { scale: ScaleSubresource<KubeObject> } } =>
	kind.subresources?.scale !== undefined;
