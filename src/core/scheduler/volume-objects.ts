/** What the scheduler asks of the cluster's storage objects, and what it works out of them. */
import { value } from "../quantity/quantity.ts";
import type { CSIDriver, CSINode, CSIStorageCapacity, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from "../schema/kubernetes.d.ts";
import { CLASS_ANNOTATION } from "../kinds/storage-access.ts";
import { SELECTED_NODE, storageClassOf } from "../volumes/claim-annotations.ts";
import { findVolume, volumesFor, wantedSize } from "../volumes/volume-matching.ts";
import type { Grouping } from "../meta/object.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { type SelectableNode, termMatches } from "./node-selection.ts";

/** The cluster-scoped objects that volumes depend on, as of now. */
export interface VolumeObjects {
	volume(name: string): PersistentVolume | undefined;
	/** Volumes of one group. */
	volumesBy(grouping: Grouping, key: string): readonly PersistentVolume[];
	storageClass(name: string): StorageClass | undefined;
	csiNode(name: string): CSINode | undefined;
	csiDriver(name: string): CSIDriver | undefined;
	/** What drivers say of their room, in whatever namespace. */
	capacities(): readonly CSIStorageCapacity[];
}

export const NO_VOLUME_OBJECTS: VolumeObjects = {
	volume: () => undefined,
	volumesBy: () => [],
	storageClass: () => undefined,
	csiNode: () => undefined,
	csiDriver: () => undefined,
	capacities: () => [],
};

/** Of classes whose volumes an administrator makes. */
const NO_PROVISIONER = "kubernetes.io/no-provisioner";

/** The PersistentVolumeClaims that a pod's volumes name; those of ephemeral volumes are named after the pod. */
export function claimNames({ metadata, spec }: Pod): { name: string; ephemeral: boolean }[] {
	return (spec?.volumes ?? []).flatMap((volume): { name: string; ephemeral: boolean }[] => {
		if (volume.persistentVolumeClaim) return [{ name: volume.persistentVolumeClaim.claimName, ephemeral: false }];
		return volume.ephemeral ? [{ name: `${metadata.name}-${volume.name}`, ephemeral: true }] : [];
	});
}

/** What of a claim the scheduler is told. */
export function trimmedClaim({ apiVersion, kind, metadata, spec, status }: PersistentVolumeClaim): PersistentVolumeClaim {
	const { name, namespace, uid, annotations, deletionTimestamp } = metadata;
	const kept = Object.entries(annotations ?? {}).filter(([key]) => key === SELECTED_NODE || key === CLASS_ANNOTATION);
	return {
		apiVersion,
		kind,
		metadata: {
			name,
			namespace,
			uid,
			...(kept.length > 0 ? { annotations: Object.fromEntries(kept) } : {}),
			...(deletionTimestamp ? { deletionTimestamp } : {}),
		},
		spec,
		status: { ...(status?.phase ? { phase: status.phase } : {}) },
	};
}

export const isBound = ({ spec, status }: PersistentVolumeClaim): boolean => Boolean(spec?.volumeName) && status?.phase !== "Pending";

/** Whether the claim's volume waits for its first pod to have a node. */
export const isDelayed = (claim: PersistentVolumeClaim, objects: VolumeObjects): boolean =>
	!claim.spec?.volumeName && objects.storageClass(storageClassOf(claim))?.volumeBindingMode === "WaitForFirstConsumer";

export function volumeReaches({ spec }: PersistentVolume, node: SelectableNode): boolean {
	const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
	return terms === undefined || terms.some((term) => termMatches(term, node));
}

/** The volume that the claim gets on a node, if there is one; the volumes it may get are looked up once for all nodes. */
export function freeVolumes(
	claim: PersistentVolumeClaim,
	objects: VolumeObjects,
): (node: SelectableNode, taken?: ReadonlySet<string>) => PersistentVolume | undefined {
	const volumes = volumesFor(claim, objects.volumesBy);
	return (node, taken = new Set()) => findVolume(claim, volumes, { reaches: (volume) => volumeReaches(volume, node), taken });
}

/** Whether the claim's class can have a volume made for the node. */
export function canProvision(claim: PersistentVolumeClaim, node: SelectableNode, objects: VolumeObjects): boolean {
	const storageClass = objects.storageClass(storageClassOf(claim));
	if (storageClass === undefined || !storageClass.provisioner || storageClass.provisioner === NO_PROVISIONER) return false;
	const terms = storageClass.allowedTopologies ?? [];
	const holds = (term: (typeof terms)[number]): boolean =>
		(term.matchLabelExpressions ?? []).every(({ key, values }) => values.includes(node.labels[key] ?? ""));
	return terms.length === 0 || terms.some(holds);
}

/** Whether the class's driver has room for the claim where the node reaches; one that does not say has (hasEnoughCapacity). */
export function hasRoom(claim: PersistentVolumeClaim, node: SelectableNode, objects: VolumeObjects): boolean {
	const name = storageClassOf(claim);
	const driver = objects.csiDriver(objects.storageClass(name)?.provisioner ?? "");
	if (driver?.spec?.storageCapacity !== true) return true;
	const wanted = wantedSize(claim);
	return objects.capacities().some(({ storageClassName, capacity, maximumVolumeSize, nodeTopology }) => {
		const limit = maximumVolumeSize ?? capacity;
		if (storageClassName !== name || limit === undefined || value(limit) < wanted) return false;
		return nodeTopology !== undefined && labelSelectorOf(nodeTopology).matches(node.labels);
	});
}
