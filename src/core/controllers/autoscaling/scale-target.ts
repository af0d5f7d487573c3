/** The object that an autoscaler scales, through its scale subresource. */
import type { KindDefinition, KindRegistry } from "../../kinds/define-kind.ts";
import { resourceOf } from "../../kinds/define-kind.ts";
import { applyScale, scaleOf } from "../../kinds/scale.ts";
import type { KubeObject } from "../../meta/object.ts";
import type { AutoscalingV2CrossVersionObjectReference } from "../../schema/kubernetes.d.ts";
import { type LabelSelector, parseLabelSelector } from "../../selector/label-selector.ts";
import type { Action, View } from "../controller.ts";
import { draftOf } from "../identity.ts";

export interface ScaleTarget {
	kind: KindDefinition;
	object: KubeObject;
	specReplicas: number;
	statusReplicas: number;
	/** In its text form; "" when there is none. */
	selector: string;
}

/** Throws what upstream's scale client says of a target that cannot be had. */
export function scaleTarget(
	{ apiVersion = "v1", kind: kindName, name }: AutoscalingV2CrossVersionObjectReference,
	view: View,
	registry: KindRegistry,
): ScaleTarget {
	const slash = apiVersion.indexOf("/");
	const group = slash < 0 ? "" : apiVersion.slice(0, slash);
	const version = apiVersion.slice(slash + 1);
	// Upstream looks for the kind in any version of its group.
	const kind = registry.byKind(group, version, kindName) ?? registry.all().find((one) => one.group === group && one.kind === kindName);
	if (kind === undefined) throw new Error(`no matches for kind ${JSON.stringify(kindName)} in group ${JSON.stringify(group)}`);
	if (kind.subresources?.scale === undefined) throw new Error("the server could not find the requested resource");
	const object = view.get(resourceOf(kind), name);
	if (object === undefined) throw new Error(`${kind.plural}${group ? `.${group}` : ""} ${JSON.stringify(name)} not found`);
	const { spec, status } = scaleOf(kind, object);
	return { kind, object, specReplicas: spec?.replicas ?? 0, statusReplicas: status?.replicas ?? 0, selector: status?.selector ?? "" };
}

export function rescale({ kind, object }: ScaleTarget, replicas: number): Action {
	const draft = draftOf(object);
	applyScale(kind, draft, { apiVersion: "autoscaling/v1", kind: "Scale", metadata: {}, spec: { replicas } });
	return { type: "update", resource: resourceOf(kind), object: draft };
}

/** Undefined for a text that is no selector. */
export function parsedSelector(text: string): LabelSelector | undefined {
	try {
		return parseLabelSelector(text);
	} catch {
		return undefined;
	}
}
