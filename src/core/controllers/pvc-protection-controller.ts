/** Keeps a claim that is being deleted until no pod on a node uses it (k8s.io/kubernetes/pkg/controller/volume/pvcprotection). */
import { PVC_PROTECTION } from "../kinds/storage-access.ts";
import type { PersistentVolumeClaim, Pod, Volume } from "../schema/kubernetes.d.ts";
import { type Controller, controllerOf, NOTHING, type ObjectChange, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, setMetadataList, uidOf } from "./identity.ts";

const CLAIMS = "persistentvolumeclaims";
const PODS = "pods";

const hasFinalizer = (claim: PersistentVolumeClaim): boolean => claim.metadata.finalizers?.includes(PVC_PROTECTION) ?? false;
/** Going while held, or there without what would hold it. */
const needsWork = (claim: PersistentVolumeClaim): boolean => isBeingDeleted(claim) === hasFinalizer(claim);

function claimOf(pod: Pod, volume: Volume): string | undefined {
	if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName;
	return volume.ephemeral ? `${nameOf(pod)}-${volume.name}` : undefined;
}

const claimsOf = (pod: Pod): string[] => (pod.spec?.volumes ?? []).flatMap((volume) => claimOf(pod, volume) ?? []);
const isShutDown = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;

/** A kubelet starts no pod whose claim is going, so one without a node uses nothing. */
function uses(pod: Pod, claim: PersistentVolumeClaim): boolean {
	if (!pod.spec?.nodeName) return false;
	return (pod.spec.volumes ?? []).some((volume) => {
		if (claimOf(pod, volume) !== nameOf(claim)) return false;
		return volume.persistentVolumeClaim !== undefined || (!isShutDown(pod) && controllerOf(claim)?.uid === uidOf(pod));
	});
}

/** A pod lets go of its claims when it is gone or shut down. */
function releasedClaims({ old, object }: ObjectChange): string[] {
	const pod = (object ?? old) as Pod | undefined;
	return pod && (object === undefined || isShutDown(pod)) ? claimsOf(pod) : [];
}

function reconcile(key: string, view: View): ReconcileResult {
	const claim = view.get<PersistentVolumeClaim>(CLAIMS, key);
	if (claim === undefined || !needsWork(claim)) return NOTHING;
	if (isBeingDeleted(claim) && view.list<Pod>(PODS).some((pod) => uses(pod, claim))) return NOTHING;
	const draft = draftOf(claim);
	const others = (draft.metadata.finalizers ?? []).filter((finalizer) => finalizer !== PVC_PROTECTION);
	setMetadataList(draft, "finalizers", isBeingDeleted(claim) ? others : [...others, PVC_PROTECTION]);
	return { actions: [{ type: "update", resource: CLAIMS, object: draft }] };
}

export const pvcProtectionController: Controller = {
	name: "pvc-protection",
	watches: [
		{ resource: CLAIMS, keys: ({ object }) => (object && needsWork(object as PersistentVolumeClaim) ? [nameOf(object)] : []) },
		{ resource: PODS, keys: releasedClaims },
	],
	reconcile,
};
