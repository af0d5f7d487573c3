/** CSIStorageCapacity: pkg/registry/storage/csistoragecapacity, pkg/apis/storage/validation. */
import { type FieldError, invalid } from "../errors/field-error.ts";
import { dns1123Subdomain, NON_NEGATIVE_ERROR } from "../meta/name-rules.ts";
import type { CSIStorageCapacity } from "../schema/kubernetes.d.ts";
import { fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { readQuantity } from "./resource-validation.ts";

const TYPE = "storage/v1.CSIStorageCapacity";

function validate({ nodeTopology, storageClassName = "", capacity }: CSIStorageCapacity): FieldError[] {
	const errors = validateLabelSelector(nodeTopology, "nodeTopology");
	for (const problem of dns1123Subdomain(storageClassName)) errors.push(invalid("storageClassName", storageClassName, problem));
	const amount = capacity === undefined ? undefined : readQuantity(capacity, "capacity", errors);
	if (amount && amount.nano < 0n) errors.push(invalid("capacity", capacity, NON_NEGATIVE_ERROR));
	return errors;
}

export const csiStorageCapacityKind = defineKind<CSIStorageCapacity>({
	group: "storage.k8s.io",
	version: "v1",
	kind: "CSIStorageCapacity",
	plural: "csistoragecapacities",
	singular: "csistoragecapacity",
	scope: "Namespaced",
	schema: TYPE,
	allowUnconditionalUpdate: false,
	validate,
	validateUpdate: (next, old) => [
		...validateImmutable(next.nodeTopology, old.nodeTopology, "nodeTopology"),
		...validateImmutable(next.storageClassName, old.storageClassName, "storageClassName"),
	],
	columns: [
		fieldColumn(TYPE, "storageClassName", { name: "StorageClassName", type: "string", cell: ({ storageClassName }) => storageClassName }),
		fieldColumn(TYPE, "capacity", { name: "Capacity", type: "string", cell: ({ capacity }) => capacity ?? "<unset>" }),
	],
});
