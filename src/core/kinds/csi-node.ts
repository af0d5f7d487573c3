/** CSINode: pkg/registry/storage/csinode, pkg/apis/storage/validation. */
import { duplicate, type FieldError, invalid, required } from "../errors/field-error.ts";
import { NON_NEGATIVE_ERROR, qualifiedName } from "../meta/name-rules.ts";
import type { CSINode, CSINodeDriver } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateDriverName } from "./storage-class-validation.ts";

const NODE_ID_LENGTH_MAX = 256;

function validateDriver({ name, nodeID, allocatable, topologyKeys }: CSINodeDriver, path: string): FieldError[] {
	const errors = validateDriverName(name, `${path}.name`);
	if (!nodeID) errors.push(required(`${path}.nodeID`));
	else if (nodeID.length > NODE_ID_LENGTH_MAX) errors.push(invalid(`${path}.nodeID`, nodeID, `must be ${NODE_ID_LENGTH_MAX} characters or less`));
	if ((allocatable?.count ?? 0) < 0) errors.push(invalid(`${path}.allocatable.count`, allocatable?.count, NON_NEGATIVE_ERROR));
	const seen = new Set<string>();
	for (const key of topologyKeys ?? []) {
		if (key === "") errors.push(required(path));
		if (seen.has(key)) errors.push(duplicate(path, key));
		seen.add(key);
		for (const problem of qualifiedName(key)) errors.push(invalid(path, key, problem));
	}
	return errors;
}

function validate({ spec }: CSINode): FieldError[] {
	const names = new Set<string>();
	return (spec.drivers ?? []).flatMap((driver, index) => {
		const path = `spec.drivers[${index}]`;
		const twice = names.has(driver.name) ? [duplicate(`${path}.name`, driver.name)] : [];
		names.add(driver.name);
		return [...validateDriver(driver, path), ...twice];
	});
}

/** A driver stays as it registered, but for the count of its volumes. */
function validateUpdate(next: CSINode, old: CSINode): FieldError[] {
	const bare = ({ allocatable, ...driver }: CSINodeDriver) => driver;
	return (old.spec.drivers ?? []).flatMap((before) =>
		(next.spec.drivers ?? []).filter(({ name }) => name === before.name).flatMap((driver) => validateImmutable(bare(driver), bare(before), "spec.drivers")),
	);
}

export const csiNodeKind = defineKind<CSINode>({
	group: "storage.k8s.io",
	version: "v1",
	kind: "CSINode",
	plural: "csinodes",
	singular: "csinode",
	scope: "Cluster",
	schema: "storage/v1.CSINode",
	allowUnconditionalUpdate: false,
	validate,
	validateUpdate,
	columns: [
		{
			name: "Drivers",
			type: "integer",
			description: "Drivers indicates the number of CSI drivers registered on the node",
			cell: ({ spec }) => (spec.drivers ?? []).length,
		},
		ageColumn,
	],
});
