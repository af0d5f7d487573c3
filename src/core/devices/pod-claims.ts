/** The ResourceClaims of a pod (k8s.io/dynamic-resource-allocation/resourceclaim). */
import type { Pod, PodResourceClaim, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import { DEVICE_GROUP } from "../kinds/device-rules.ts";
import { controllerOf } from "../controllers/controller.ts";

export const RESOURCE_CLAIMS = `${DEVICE_GROUP}/resourceclaims`;
/** Keeps an allocated claim until its devices are free. */
export const DELETE_PROTECTION = "resource.kubernetes.io/delete-protection";
/** Pods that one claim can be reserved for. */
export const RESERVATIONS_MAX = 256;

export interface NamedClaim {
	podClaim: string;
	/** Undefined while the claim of a template has not been made; null when none is needed. */
	name: string | null | undefined;
	/** Made for the pod and so to be its own. */
	generated: boolean;
}

export function namedClaim(pod: Pod, { name: podClaim, resourceClaimName, resourceClaimTemplateName }: PodResourceClaim): NamedClaim {
	if (resourceClaimName !== undefined || resourceClaimTemplateName === undefined) return { podClaim, name: resourceClaimName ?? null, generated: false };
	const made = pod.status?.resourceClaimStatuses?.find((status) => status.name === podClaim);
	return { podClaim, name: made && (made.resourceClaimName ?? null), generated: true };
}

export const namedClaims = (pod: Pod): NamedClaim[] => (pod.spec?.resourceClaims ?? []).map((podClaim) => namedClaim(pod, podClaim));

/** Why a claim is not the one that was made for the pod (IsForPod); undefined when it is. */
export function whyNotForPod(claim: ResourceClaim, { metadata: { namespace, name, uid } }: Pod): string | undefined {
	if (controllerOf(claim)?.uid === uid) return undefined;
	return `ResourceClaim ${claim.metadata.namespace}/${claim.metadata.name} was not created for pod ${namespace}/${name} (pod is not owner)`;
}

export const isReservedFor = ({ status }: ResourceClaim, podUid: string): boolean => status?.reservedFor?.some(({ uid }) => uid === podUid) ?? false;
/** Whether another pod can use it too. */
export const hasFreeReservation = ({ status }: ResourceClaim): boolean => (status?.reservedFor?.length ?? 0) < RESERVATIONS_MAX;

/** The claim's entry for a pod. */
export const reservationOf = ({ metadata: { name = "", uid = "" } }: Pod): { resource: string; name: string; uid: string } => ({ resource: "pods", name, uid });
