/** StorageObjectInUseProtection: volumes and claims stay as long as they are used (plugin/pkg/admission/storage/storageobjectinuseprotection). */
import { resourceOf } from "../../kinds/define-kind.ts";
import { PV_PROTECTION, PVC_PROTECTION } from "../../kinds/storage-access.ts";
import type { AdmissionPlugin } from "../plugin.ts";

const CLAIMS = "persistentvolumeclaims";

export const storageObjectInUseProtection: AdmissionPlugin = {
	name: "StorageObjectInUseProtection",
	resources: ["persistentvolumes", CLAIMS],
	operations: ["CREATE"],
	mutate({ kind, object: { metadata } }) {
		const finalizer = resourceOf(kind) === CLAIMS ? PVC_PROTECTION : PV_PROTECTION;
		if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
	},
};
