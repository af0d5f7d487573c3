/** Takes in for which node a pod's claims must get their volumes, before the pod can be bound to it (VolumeBinding's PreBind). */
import type { PersistentVolumeClaim, Pod } from "../schema/kubernetes.d.ts";
import type { VolumeBinding } from "../scheduler/scheduler.ts";
import { SELECTED_NODE } from "../volumes/claim-annotations.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, uidOf } from "./identity.ts";

const PODS = "pods";
const CLAIMS = "persistentvolumeclaims";

export function applyVolumeBinding(view: View, { pod: ref, node, claims }: VolumeBinding): Action[] {
	const pod = view.get<Pod>(PODS, ref.name);
	if (pod === undefined || uidOf(pod) !== ref.uid || isBeingDeleted(pod) || pod.spec?.nodeName) return [];
	// A claim with a volume that is there already gets it from the volume binder; one without must say where it is wanted.
	const actions = claims.filter(({ volume }) => volume === undefined).flatMap(({ name, uid }) => selectNode(view, name, uid, node));
	if (pod.status?.nominatedNodeName === node) return actions;
	const draft = draftOf(pod);
	draft.status = { ...draft.status, nominatedNodeName: node };
	return [...actions, { type: "updateStatus", resource: PODS, object: draft }];
}

function selectNode(view: View, name: string, uid: string, node: string): Action[] {
	const claim = view.get<PersistentVolumeClaim>(CLAIMS, name);
	if (claim === undefined || uidOf(claim) !== uid || claim.spec?.volumeName || claim.metadata.annotations?.[SELECTED_NODE]) return [];
	const draft = draftOf(claim);
	draft.metadata.annotations = { ...draft.metadata.annotations, [SELECTED_NODE]: node };
	return [{ type: "update", resource: CLAIMS, object: draft }];
}
