/** StorageClass: pkg/registry/storage/storageclass, pkg/apis/storage/validation. */
import { type FieldError, notSupported, required } from "../errors/field-error.ts";
import type { StorageClass } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn, NAME_DESCRIPTION } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateParameters, validateProvisioner, validateTopologies } from "./storage-class-validation.ts";

const TYPE = "storage/v1.StorageClass";
const RECLAIM_POLICIES = ["Delete", "Retain"];
const BINDING_MODES = ["Immediate", "WaitForFirstConsumer"];
export const DEFAULT_CLASS_ANNOTATIONS = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

const isDefault = ({ metadata }: StorageClass): boolean => DEFAULT_CLASS_ANNOTATIONS.some((name) => metadata.annotations?.[name] === "true");

function validate(storageClass: StorageClass): FieldError[] {
	const { provisioner, parameters, reclaimPolicy, volumeBindingMode: mode, allowedTopologies } = storageClass;
	const errors = [...validateProvisioner(provisioner, "provisioner"), ...validateParameters(parameters, true, "parameters")];
	if (reclaimPolicy && !RECLAIM_POLICIES.includes(reclaimPolicy)) errors.push(notSupported("reclaimPolicy", reclaimPolicy, RECLAIM_POLICIES));
	if (mode === undefined) errors.push(required("volumeBindingMode"));
	else if (!BINDING_MODES.includes(mode)) errors.push(notSupported("volumeBindingMode", mode, BINDING_MODES));
	return [...errors, ...validateTopologies(allowedTopologies, "allowedTopologies")];
}

const IMMUTABLE = ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] as const;

export const storageClassKind = defineKind<StorageClass>({
	group: "storage.k8s.io",
	version: "v1",
	kind: "StorageClass",
	plural: "storageclasses",
	singular: "storageclass",
	shortNames: ["sc"],
	scope: "Cluster",
	schema: TYPE,
	defaults(storageClass) {
		storageClass.reclaimPolicy ??= "Delete";
		storageClass.volumeBindingMode ??= "Immediate";
	},
	validate,
	validateUpdate: (next, old) => IMMUTABLE.flatMap((field) => validateImmutable(next[field], old[field], field)),
	columns: [
		{
			name: "Name",
			type: "string",
			format: "name",
			description: NAME_DESCRIPTION,
			cell: (storageClass) => `${storageClass.metadata.name}${isDefault(storageClass) ? " (default)" : ""}`,
		},
		fieldColumn(TYPE, "provisioner", { name: "Provisioner", type: "string", cell: ({ provisioner }) => provisioner }),
		fieldColumn(TYPE, "reclaimPolicy", { name: "ReclaimPolicy", type: "string", cell: ({ reclaimPolicy }) => reclaimPolicy ?? "Delete" }),
		fieldColumn(TYPE, "volumeBindingMode", { name: "VolumeBindingMode", type: "string", cell: ({ volumeBindingMode }) => volumeBindingMode ?? "<unset>" }),
		fieldColumn(TYPE, "allowVolumeExpansion", {
			name: "AllowVolumeExpansion",
			type: "string",
			cell: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
		}),
		ageColumn,
	],
});
