/** What the scheduler asks of the cluster's storage objects, and what it works out of them. */
import { value } from "../quantity/quantity.ts";
import type { CSINode, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { type SelectableNode, termMatches } from "./node-selection.ts";

/** The cluster-scoped objects that volumes depend on, as of now. */
export interface VolumeObjects {
	volume(name: string): PersistentVolume | undefined;
	volumes(): readonly PersistentVolume[];
	storageClass(name: string): StorageClass | undefined;
	csiNode(name: string): CSINode | undefined;
}

export const NO_VOLUME_OBJECTS: VolumeObjects = {
	volume: () => undefined,
	volumes: () => [],
	storageClass: () => undefined,
	csiNode: () => undefined,
};

/** Set on a claim whose volume is to be made where its first pod goes. */
export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
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
	const selectedNode = annotations?.[SELECTED_NODE];
	return {
		apiVersion,
		kind,
		metadata: {
			name,
			namespace,
			uid,
			...(selectedNode ? { annotations: { [SELECTED_NODE]: selectedNode } } : {}),
			...(deletionTimestamp ? { deletionTimestamp } : {}),
		},
		spec,
		status: { ...(status?.phase ? { phase: status.phase } : {}) },
	};
}

export const isBound = ({ spec, status }: PersistentVolumeClaim): boolean => Boolean(spec?.volumeName) && status?.phase !== "Pending";

/** Whether the claim's volume waits for its first pod to have a node. */
export const isDelayed = ({ spec }: PersistentVolumeClaim, objects: VolumeObjects): boolean =>
	!spec?.volumeName && objects.storageClass(spec?.storageClassName ?? "")?.volumeBindingMode === "WaitForFirstConsumer";

export function volumeReaches({ spec }: PersistentVolume, node: SelectableNode): boolean {
	const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
	return terms === undefined || terms.some((term) => termMatches(term, node));
}

/** The smallest volume that is free for the claim and reaches the node (volume.FindMatchingVolume). */
export function freeVolume(
	claim: PersistentVolumeClaim,
	node: SelectableNode,
	objects: VolumeObjects,
	taken: ReadonlySet<string>,
): PersistentVolume | undefined {
	const wanted = value(claim.spec?.resources?.requests?.storage ?? "0");
	let best: PersistentVolume | undefined;
	for (const volume of objects.volumes()) {
		if (taken.has(volume.metadata.name ?? "") || !serves(volume, claim) || sizeOf(volume) < wanted || !volumeReaches(volume, node)) continue;
		if (isFor(volume, claim)) return volume;
		if (best === undefined || sizeOf(volume) < sizeOf(best)) best = volume;
	}
	return best;
}

const sizeOf = ({ spec }: PersistentVolume): number => value(spec?.capacity?.storage ?? "0");

const isFor = ({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean =>
	spec?.claimRef?.name === metadata.name && spec?.claimRef?.namespace === metadata.namespace && (!spec?.claimRef?.uid || spec.claimRef.uid === metadata.uid);

function serves(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
	const { metadata, spec, status } = volume;
	if (metadata.deletionTimestamp || (spec?.claimRef ? !isFor(volume, claim) : status?.phase !== "Available")) return false;
	if ((spec?.storageClassName ?? "") !== (claim.spec?.storageClassName ?? "")) return false;
	if ((spec?.volumeMode ?? "Filesystem") !== (claim.spec?.volumeMode ?? "Filesystem")) return false;
	if (!(claim.spec?.accessModes ?? []).every((mode) => spec?.accessModes?.includes(mode))) return false;
	return claim.spec?.selector === undefined || labelSelectorOf(claim.spec.selector).matches(metadata.labels);
}

/** Whether the claim's class can have a volume made for the node. */
export function canProvision(claim: PersistentVolumeClaim, node: SelectableNode, objects: VolumeObjects): boolean {
	const storageClass = objects.storageClass(claim.spec?.storageClassName ?? "");
	if (storageClass === undefined || !storageClass.provisioner || storageClass.provisioner === NO_PROVISIONER) return false;
	const terms = storageClass.allowedTopologies ?? [];
	const holds = (term: (typeof terms)[number]): boolean =>
		(term.matchLabelExpressions ?? []).every(({ key, values }) => values.includes(node.labels[key] ?? ""));
	return terms.length === 0 || terms.some(holds);
}
