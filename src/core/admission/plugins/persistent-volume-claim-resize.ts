/** PersistentVolumeClaimResize: a claim grows only where its class lets it (plugin/pkg/admission/storage/persistentvolume/resize). */
import { compareQuantities, parseQuantity } from "../../quantity/quantity.ts";
import type { PersistentVolumeClaim, StorageClass } from "../../schema/kubernetes.d.ts";
import { CLASS_ANNOTATION } from "../../kinds/storage-access.ts";
import { type AdmissionPlugin, type AdmissionView, refuse } from "../plugin.ts";

const sizeOf = ({ spec }: PersistentVolumeClaim) => parseQuantity(spec?.resources?.requests?.["storage"] ?? "0");
const classOf = ({ metadata, spec }: PersistentVolumeClaim): string => metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "";

function mayGrow(next: PersistentVolumeClaim, old: PersistentVolumeClaim, view: AdmissionView): boolean {
	const name = classOf(next);
	if (name === "" || name !== classOf(old)) return false;
	return view.clusterList<StorageClass>("storage.k8s.io/storageclasses").find(({ metadata }) => metadata.name === name)?.allowVolumeExpansion === true;
}

export const persistentVolumeClaimResize: AdmissionPlugin = {
	name: "PersistentVolumeClaimResize",
	resources: ["persistentvolumeclaims"],
	operations: ["UPDATE"],
	validate(request, view) {
		const [next, old] = [request.object as PersistentVolumeClaim, request.old as PersistentVolumeClaim];
		if (compareQuantities(sizeOf(next), sizeOf(old)) <= 0) return;
		if (old.status?.phase !== "Bound") throw refuse(request, "Only bound persistent volume claims can be expanded");
		if (!mayGrow(next, old, view)) {
			const why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
			throw refuse(request, why);
		}
	},
};
