/** PersistentVolumeClaim: pkg/registry/core/persistentvolumeclaim, pkg/api/persistentvolumeclaim. */
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import {
	validatePersistentVolumeClaim,
	validatePersistentVolumeClaimStatus,
	validatePersistentVolumeClaimUpdate,
} from "./persistent-volume-claim-validation.ts";
import { CLASS_ANNOTATION, CLASS_ANNOTATION_WARNING, fractionWarning, shownAccessModes } from "./storage-access.ts";
import { keepSpec, keepStatus } from "./strategy.ts";

const SPEC = "core/v1.PersistentVolumeClaimSpec";
const STATUS = "core/v1.PersistentVolumeClaimStatus";
const SNAPSHOT_GROUP = "snapshot.storage.k8s.io";

/** What the older field may name: a claim or a snapshot. */
function isOldDataSource({ apiGroup, kind }: { apiGroup?: string; kind: string }): boolean {
	return (!apiGroup && kind === "PersistentVolumeClaim") || (apiGroup === SNAPSHOT_GROUP && kind === "VolumeSnapshot");
}

/** EnforceDataSourceBackwardsCompatibility and NormalizeDataSources: the two fields say the same. */
function normalizeDataSources(spec: PersistentVolumeClaimSpec): void {
	if (spec.dataSource && !isOldDataSource(spec.dataSource)) delete spec.dataSource;
	if (spec.dataSourceRef) delete spec.dataSourceRef.namespace;
	if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
	else if (spec.dataSourceRef && !spec.dataSource && isOldDataSource(spec.dataSourceRef)) spec.dataSource = { ...spec.dataSourceRef };
}

const boundTo = ({ spec }: PersistentVolumeClaim): string => spec?.volumeName ?? "";

export const persistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
	group: "",
	version: "v1",
	kind: "PersistentVolumeClaim",
	plural: "persistentvolumeclaims",
	singular: "persistentvolumeclaim",
	shortNames: ["pvc"],
	scope: "Namespaced",
	schema: "core/v1.PersistentVolumeClaim",
	subresources: { status: { prepareUpdate: keepSpec, validateUpdate: validatePersistentVolumeClaimStatus } },
	defaults(claim) {
		claim.status ??= {};
		claim.status.phase ||= "Pending";
		if (claim.spec) claim.spec.volumeMode ??= "Filesystem";
	},
	prepareCreate(claim) {
		claim.status = { phase: "Pending" };
		if (claim.spec) normalizeDataSources(claim.spec);
	},
	prepareUpdate(next, old) {
		keepStatus(next, old);
		if (next.spec) normalizeDataSources(next.spec);
	},
	validate: validatePersistentVolumeClaim,
	validateUpdate: validatePersistentVolumeClaimUpdate,
	warnings({ metadata, spec }) {
		const annotated = CLASS_ANNOTATION in (metadata.annotations ?? {}) ? [`metadata.annotations[${CLASS_ANNOTATION}]: ${CLASS_ANNOTATION_WARNING}`] : [];
		return [...annotated, ...fractionWarning(spec?.resources?.requests?.storage, "spec.resources.requests[storage]")];
	},
	columns: [
		fieldColumn(STATUS, "phase", {
			name: "Status",
			type: "string",
			cell: ({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : (status?.phase ?? "")),
		}),
		fieldColumn(SPEC, "volumeName", { name: "Volume", type: "string", cell: boundTo }),
		fieldColumn(STATUS, "capacity", {
			name: "Capacity",
			type: "string",
			cell: (claim) => (boundTo(claim) ? (claim.status?.capacity?.storage ?? "0") : ""),
		}),
		fieldColumn(STATUS, "accessModes", {
			name: "Access Modes",
			type: "string",
			cell: (claim) => (boundTo(claim) ? shownAccessModes(claim.status?.accessModes) : ""),
		}),
		{
			name: "StorageClass",
			type: "string",
			description: "StorageClass of the pvc",
			cell: ({ metadata, spec }) => metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "",
		},
		{
			name: "VolumeAttributesClass",
			type: "string",
			description: "VolumeAttributesClass of the pvc",
			cell: ({ spec }) => spec?.volumeAttributesClassName ?? "<unset>",
		},
		ageColumn,
		fieldColumn(SPEC, "volumeMode", { name: "VolumeMode", type: "string", priority: 1, cell: ({ spec }) => spec?.volumeMode ?? "<unset>" }),
	],
});
