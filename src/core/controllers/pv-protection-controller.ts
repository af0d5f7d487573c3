/** Keeps a volume that is being deleted while it is bound to a claim (k8s.io/kubernetes/pkg/controller/volume/pvprotection). */
import { PV_PROTECTION } from "../kinds/storage-access.ts";
import type { PersistentVolume } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, setMetadataList } from "./identity.ts";

const VOLUMES = "persistentvolumes";

const hasFinalizer = (volume: PersistentVolume): boolean => volume.metadata.finalizers?.includes(PV_PROTECTION) ?? false;

function needsWork(volume: PersistentVolume): boolean {
	return isBeingDeleted(volume) ? hasFinalizer(volume) && volume.status?.phase !== "Bound" : !hasFinalizer(volume);
}

function reconcile(key: string, view: View): ReconcileResult {
	const volume = view.get<PersistentVolume>(VOLUMES, key);
	if (volume === undefined || !needsWork(volume)) return NOTHING;
	const draft = draftOf(volume);
	const others = (draft.metadata.finalizers ?? []).filter((finalizer) => finalizer !== PV_PROTECTION);
	setMetadataList(draft, "finalizers", isBeingDeleted(volume) ? others : [...others, PV_PROTECTION]);
	return { actions: [{ type: "update", resource: VOLUMES, object: draft }] };
}

export const pvProtectionController: Controller = {
	name: "pv-protection",
	watches: [{ resource: VOLUMES, keys: ({ object }) => (object && needsWork(object as PersistentVolume) ? [nameOf(object)] : []) }],
	reconcile,
};
