/** Makes the claims of pods' generic ephemeral volumes: each is its pod's own and goes with it (k8s.io/kubernetes/pkg/controller/volume/ephemeral). */
import type { PersistentVolumeClaim, Pod, Volume } from "../schema/kubernetes.d.ts";
import { CLAIMS } from "./cluster-replica-controller.ts";
import {
	type Action,
	type Controller,
	controllerOf,
	NOTHING,
	type ObjectChange,
	type ReconcileContext,
	type ReconcileResult,
	type View,
} from "./controller.ts";
import { controllerReference, draftOf, isBeingDeleted, nameOf, namespaceOf, uidOf } from "./identity.ts";

const PODS = "pods";
const claimName = (pod: Pod, volume: Volume): string => `${nameOf(pod)}-${volume.name}`;
const ephemeralVolumes = (pod: Pod): Volume[] => (pod.spec?.volumes ?? []).filter((volume) => volume.ephemeral);

/** Why the claim is not the pod's (ephemeral.VolumeIsForPod); undefined when it is. */
export function whyNotOf(claim: PersistentVolumeClaim, pod: Pod): string | undefined {
	if (controllerOf(claim)?.uid === uidOf(pod)) return undefined;
	return `PVC ${namespaceOf(claim)}/${nameOf(claim)} was not created for pod ${namespaceOf(pod)}/${nameOf(pod)} (pod is not owner)`;
}

function keysOfPod({ old, object }: ObjectChange): string[] {
	const pod = object as Pod | undefined;
	return pod && old === undefined && ephemeralVolumes(pod).length > 0 ? [nameOf(pod)] : [];
}

/** A claim that went while a pod needs one of its name comes again. */
function keysOfClaim({ old, object }: ObjectChange, view: View): string[] {
	if (object !== undefined || old === undefined) return [];
	const needs = (pod: Pod): boolean => ephemeralVolumes(pod).some((volume) => claimName(pod, volume) === nameOf(old));
	return view.list<Pod>(PODS).filter(needs).map(nameOf);
}

function newClaim(pod: Pod, volume: Volume): Action {
	const { metadata, spec } = draftOf(volume.ephemeral?.volumeClaimTemplate ?? { spec: {} as never });
	const object: PersistentVolumeClaim = {
		apiVersion: "v1",
		kind: "PersistentVolumeClaim",
		metadata: {
			name: claimName(pod, volume),
			namespace: namespaceOf(pod),
			ownerReferences: [controllerReference(pod)],
			...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
			...(metadata?.labels ? { labels: metadata.labels } : {}),
		},
		spec,
	};
	return { type: "create", resource: CLAIMS, object };
}

const failed = (pod: Pod, volume: Volume, why: string): Action => ({
	type: "event",
	about: pod,
	eventType: "Warning",
	reason: "FailedBinding",
	message: `ephemeral volume ${volume.name}: ${why}`,
});

function reconcile(key: string, view: View, { refusal }: ReconcileContext): ReconcileResult {
	const pod = view.get<Pod>(PODS, key);
	if (pod === undefined || isBeingDeleted(pod)) return NOTHING;
	const actions: Action[] = [];
	for (const volume of ephemeralVolumes(pod)) {
		const claim = view.get<PersistentVolumeClaim>(CLAIMS, claimName(pod, volume));
		const foreign = claim && whyNotOf(claim, pod);
		if (foreign !== undefined) return { actions: [...actions, failed(pod, volume, foreign)] };
		if (claim !== undefined) continue;
		const created = actions.filter(({ type }) => type === "create").length;
		if (refusal && created === refusal.created)
			return { actions: [...actions, failed(pod, volume, `create PVC ${claimName(pod, volume)}: ${refusal.message}`)] };
		actions.push(newClaim(pod, volume));
	}
	return { actions };
}

export const ephemeralVolumeController: Controller = {
	name: "ephemeral-volume",
	hearsRefusals: true,
	watches: [
		{ resource: PODS, keys: keysOfPod },
		{ resource: CLAIMS, keys: keysOfClaim },
	],
	reconcile,
};
