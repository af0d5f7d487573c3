/** PersistentVolume: pkg/registry/core/persistentvolume, SetDefaults_PersistentVolume, pkg/api/persistentvolume. */
import type { PersistentVolume, Volume } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { sourcesOf, validatePersistentVolume, validatePersistentVolumeUpdate } from "./persistent-volume-validation.ts";
import { DEPRECATED_VOLUMES } from "./pod-warnings.ts";
import { CLASS_ANNOTATION, CLASS_ANNOTATION_WARNING, fractionWarning, shownAccessModes } from "./storage-access.ts";
import { keepSpec, keepStatus } from "./strategy.ts";
import { metaTime } from "../controllers/meta-time.ts";
import { defaultNetworkVolume } from "./volume-defaults.ts";

const SPEC = "core/v1.PersistentVolumeSpec";
const MOUNT_OPTIONS_ANNOTATION = "volume.beta.kubernetes.io/mount-options";

function defaults(volume: PersistentVolume): void {
	volume.status ??= {};
	volume.status.phase ||= "Pending";
	if (!volume.spec) return;
	volume.spec.persistentVolumeReclaimPolicy ||= "Retain";
	volume.spec.volumeMode ??= "Filesystem";
	if (volume.spec.hostPath) volume.spec.hostPath.type ??= "";
	defaultNetworkVolume(volume.spec);
}

function warnings({ metadata, spec = {} }: PersistentVolume): string[] {
	const annotations = metadata.annotations ?? {};
	const found: string[] = [];
	if (CLASS_ANNOTATION in annotations) found.push(`metadata.annotations[${CLASS_ANNOTATION}]: ${CLASS_ANNOTATION_WARNING}`);
	if (MOUNT_OPTIONS_ANNOTATION in annotations) {
		found.push(`metadata.annotations[${MOUNT_OPTIONS_ANNOTATION}]: deprecated since v1.31; use "mountOptions" attribute instead`);
	}
	if (spec.persistentVolumeReclaimPolicy === "Recycle") {
		found.push(
			"spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
		);
	}
	for (const source of sourcesOf(spec)) {
		const why = DEPRECATED_VOLUMES[source as keyof Volume];
		if (why) found.push(`spec.${source}: ${why}`);
	}
	return [...found, ...fractionWarning(spec.capacity?.storage, "spec.capacity[storage]")];
}

export const persistentVolumeKind = defineKind<PersistentVolume>({
	group: "",
	version: "v1",
	kind: "PersistentVolume",
	plural: "persistentvolumes",
	singular: "persistentvolume",
	shortNames: ["pv"],
	scope: "Cluster",
	schema: "core/v1.PersistentVolume",
	subresources: {
		status: {
			prepareUpdate(next, old, { nowMs }) {
				keepSpec(next, old);
				const moved = next.status?.phase !== old.status?.phase;
				const unset = next.status?.lastPhaseTransitionTime === old.status?.lastPhaseTransitionTime;
				if (moved && unset) next.status = { ...next.status, lastPhaseTransitionTime: metaTime(nowMs) };
			},
		},
	},
	defaults,
	prepareCreate(volume, { nowMs }) {
		volume.status = { phase: "Pending", lastPhaseTransitionTime: metaTime(nowMs) };
	},
	prepareUpdate: keepStatus,
	validate: validatePersistentVolume,
	validateUpdate: validatePersistentVolumeUpdate,
	warnings,
	columns: [
		fieldColumn(SPEC, "capacity", { name: "Capacity", type: "string", cell: ({ spec }) => spec?.capacity?.storage ?? "0" }),
		fieldColumn(SPEC, "accessModes", { name: "Access Modes", type: "string", cell: ({ spec }) => shownAccessModes(spec?.accessModes) }),
		fieldColumn(SPEC, "persistentVolumeReclaimPolicy", {
			name: "Reclaim Policy",
			type: "string",
			cell: ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? "",
		}),
		fieldColumn("core/v1.PersistentVolumeStatus", "phase", {
			name: "Status",
			type: "string",
			cell: ({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : (status?.phase ?? "")),
		}),
		{
			name: "Claim",
			type: "string",
			description:
				"claimRef is part of a bi-directional binding between PersistentVolume and PersistentVolumeClaim. Expected to be non-nil when bound. claim.VolumeName is the authoritative bind between PV and PVC. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#binding",
			cell: ({ spec }) => (spec?.claimRef ? `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}` : ""),
		},
		{
			name: "StorageClass",
			type: "string",
			description: "StorageClass of the pv",
			cell: ({ metadata, spec }) => metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "",
		},
		{
			name: "VolumeAttributesClass",
			type: "string",
			description: "VolumeAttributesClass of the pv",
			cell: ({ spec }) => spec?.volumeAttributesClassName ?? "<unset>",
		},
		fieldColumn("core/v1.PersistentVolumeStatus", "reason", { name: "Reason", type: "string", cell: ({ status }) => status?.reason ?? "" }),
		ageColumn,
		fieldColumn(SPEC, "volumeMode", { name: "VolumeMode", type: "string", priority: 1, cell: ({ spec }) => spec?.volumeMode ?? "<unset>" }),
	],
});
