/** What the scheduler asks of the cluster's storage objects, out of the Cluster object's store. */
import type { VolumeObjects } from "../core/scheduler/volume-objects.ts";
import type { Store } from "../store/store.ts";

const VOLUMES = "persistentvolumes";
const STORAGE_CLASSES = "storage.k8s.io/storageclasses";
const CSI_NODES = "storage.k8s.io/csinodes";
/** What decisions about volumes depend on. */
export const STORAGE = [VOLUMES, STORAGE_CLASSES, CSI_NODES];

export const storedVolumeObjects = (store: () => Store): VolumeObjects => ({
	volume: (name) => store().get(VOLUMES, name),
	volumes: () => store().list(VOLUMES),
	storageClass: (name) => store().get(STORAGE_CLASSES, name),
	csiNode: (name) => store().get(CSI_NODES, name),
});
