/** DefaultStorageClass: a claim that names no class gets the cluster's default one (plugin/pkg/admission/storage/storageclass/setdefault). */
import { CLASS_ANNOTATION } from "../../kinds/storage-access.ts";
import { DEFAULT_CLASS_ANNOTATIONS } from "../../kinds/storage-class.ts";
import type { PersistentVolumeClaim, StorageClass } from "../../schema/kubernetes.d.ts";
import type { AdmissionPlugin } from "../plugin.ts";
import { defaultClassOf } from "./default-class.ts";

export const defaultStorageClass: AdmissionPlugin = {
	name: "DefaultStorageClass",
	resources: ["persistentvolumeclaims"],
	operations: ["CREATE"],
	mutate(request, view) {
		const { metadata, spec } = request.object as PersistentVolumeClaim;
		// "" is a class too: none, and not the default one.
		if (spec === undefined || spec.storageClassName !== undefined || metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
		const found = defaultClassOf(view.clusterList<StorageClass>("storage.k8s.io/storageclasses"), DEFAULT_CLASS_ANNOTATIONS);
		if (found?.metadata.name) spec.storageClassName = found.metadata.name;
	},
};
