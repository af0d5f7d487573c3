/** What the scheduler asks of the cluster's storage objects, out of the Cluster object's store. */
import type { VolumeObjects } from "../core/scheduler/volume-objects.ts";
import type { CSIStorageCapacity } from "../core/schema/kubernetes.d.ts";
import type { Replica } from "./resource-server.ts";
import type { Store } from "../store/store.ts";

const VOLUMES = "persistentvolumes";
const STORAGE_CLASSES = "storage.k8s.io/storageclasses";
const CSI_NODES = "storage.k8s.io/csinodes";
const CSI_DRIVERS = "storage.k8s.io/csidrivers";
/** What decisions about volumes depend on. */
export const STORAGE = [VOLUMES, STORAGE_CLASSES, CSI_NODES, CSI_DRIVERS];

export const storedVolumeObjects = (store: () => Store, capacities: Replica | undefined): VolumeObjects => ({
	volume: (name) => store().get(VOLUMES, name),
	volumesBy: (grouping, key) => store().grouped(grouping, key),
	storageClass: (name) => store().get(STORAGE_CLASSES, name),
	csiNode: (name) => store().get(CSI_NODES, name),
	csiDriver: (name) => store().get(CSI_DRIVERS, name),
	capacities: () => (capacities?.list() ?? []) as CSIStorageCapacity[],
});
