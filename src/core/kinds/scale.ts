/** The scale subresource: an object seen as an autoscaling/v1 Scale, and written through one. */
import { invalid } from "../errors/field-error.ts";
import { invalidObject } from "../errors/status-error.ts";
import { NON_NEGATIVE_ERROR } from "../meta/name-rules.ts";
import type { KubeObject } from "../meta/object.ts";
import type { Scale } from "../schema/kubernetes.d.ts";
import type { KindDefinition, ScaleSubresource } from "./define-kind.ts";

function scaleSubresource(kind: KindDefinition): ScaleSubresource<KubeObject> {
	const scale = kind.subresources?.scale;
	if (!scale) throw new TypeError(`${kind.kind} has no scale subresource`);
	return scale;
}

/** The Scale of an object. Throws TypeError when the kind has no scale subresource: a programming error. */
export function scaleOf(kind: KindDefinition, object: KubeObject): Scale {
	const scale = scaleSubresource(kind);
	const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
	const selector = scale.selector(object);
	return {
		kind: "Scale",
		apiVersion: "autoscaling/v1",
		metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
		spec: { replicas: scale.specReplicas(object) },
		status: { replicas: scale.statusReplicas(object), ...(selector === "" ? {} : { selector }) },
	};
}

/**
 * Writes a Scale's replicas into the object. Throws a 422 StatusError about the Scale (ValidateScale of
 * pkg/apis/autoscaling/validation) and leaves the object as it is when they are negative.
 */
export function applyScale(kind: KindDefinition, object: KubeObject, scale: Scale): void {
	const replicas = scale.spec?.replicas ?? 0;
	if (replicas < 0) {
		throw invalidObject("autoscaling", "Scale", object.metadata.name ?? "", [invalid("spec.replicas", replicas, NON_NEGATIVE_ERROR)]);
	}
	scaleSubresource(kind).setSpecReplicas(object, replicas);
}
