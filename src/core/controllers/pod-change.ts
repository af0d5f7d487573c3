/** What of a pod changed, and the keys that name one pod beyond doubt. */
import type { PodRef } from "../protocol/messages.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import type { View } from "./controller.ts";
import { nameOf, namespaceOf, uidOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { podCondition } from "./pod-state.ts";

/** Names and uids hold no such character. */
const SEPARATOR = "#";

/** A key that still says which pod was meant, and where it ran, when the pod is gone. */
export const podKey = (pod: Pod): string => [nameOf(pod), uidOf(pod), pod.spec?.nodeName ?? ""].join(SEPARATOR);

export interface KeyedPod {
	ref: PodRef;
	/** "" when it had none. */
	node: string;
	/** undefined when it is gone, or another pod has its name. */
	pod: Pod | undefined;
}

export function podOfKey(key: string, view: View, namespace: string): KeyedPod {
	const [name = "", uid = "", node = ""] = key.split(SEPARATOR);
	const pod = view.get<Pod>("pods", name);
	return { ref: { namespace: pod ? namespaceOf(pod) : namespace, name, uid }, node, pod: pod && uidOf(pod) === uid ? pod : undefined };
}

/** Whether a node must hear of the change: anything but status, except for conditions that the pod's readiness waits for. */
export function changedForNode(old: Pod, pod: Pod): boolean {
	return !semanticEqual(old.spec, pod.spec) || !semanticEqual(lasting(old), lasting(pod)) || gatesChanged(old, pod);
}

/** Metadata without what every write changes. */
function lasting({ metadata }: Pod): Pod["metadata"] {
	const { resourceVersion: _version, managedFields: _fields, ...rest } = metadata;
	return rest;
}

function gatesChanged(old: Pod, pod: Pod): boolean {
	return (pod.spec?.readinessGates ?? []).some(({ conditionType }) => podCondition(old, conditionType)?.status !== podCondition(pod, conditionType)?.status);
}
