/** The annotations by which volumes, claims, the scheduler and provisioners find each other (k8s.io/component-helpers/storage/volume). */
import { CLASS_ANNOTATION } from "../kinds/storage-access.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../schema/kubernetes.d.ts";

/** On a claim: it has been bound to the end, and what it lacks now is lost. */
export const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
/** On either side: the other one was chosen by the controller, so it may be let go. */
export const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";
/** On a volume that was made for its claim: by whom. */
export const PROVISIONED_BY = "pv.kubernetes.io/provisioned-by";
/** On a claim: who is to make its volume. Provisioners of either age look for theirs. */
export const STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner";
export const BETA_STORAGE_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner";
/** Set on a claim whose volume is to be made where its first pod goes. */
export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
export const YES = "yes";

/** "" for none (GetPersistentVolumeClass, GetPersistentVolumeClaimClass). */
export const storageClassOf = ({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string =>
	metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "";

/** Whether the claim says which class it wants, be it none. */
export const hasStorageClass = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
	metadata.annotations?.[CLASS_ANNOTATION] !== undefined || spec?.storageClassName !== undefined;

const READ_BY_BINDERS = [BIND_COMPLETED, BOUND_BY_CONTROLLER, STORAGE_PROVISIONER, BETA_STORAGE_PROVISIONER, SELECTED_NODE, CLASS_ANNOTATION];

/** What of a claim the volume binder, provisioners and the expander are told. */
export function claimForBinder({ apiVersion, kind, metadata, spec, status }: PersistentVolumeClaim): PersistentVolumeClaim {
	const { name, namespace, uid, resourceVersion, deletionTimestamp } = metadata;
	const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => READ_BY_BINDERS.includes(key));
	return {
		apiVersion,
		kind,
		metadata: {
			name,
			namespace,
			uid,
			resourceVersion,
			...(annotations.length > 0 ? { annotations: Object.fromEntries(annotations) } : {}),
			...(deletionTimestamp ? { deletionTimestamp } : {}),
		},
		...(spec ? { spec } : {}),
		status: {
			...(status?.phase ? { phase: status.phase } : {}),
			...(status?.accessModes ? { accessModes: status.accessModes } : {}),
			...(status?.capacity ? { capacity: status.capacity } : {}),
		},
	};
}
