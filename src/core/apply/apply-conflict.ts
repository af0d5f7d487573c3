/** The 409 of an apply that would take fields from other managers, in the words of apimachinery's NewConflictError. */
import { StatusError } from "../errors/status-error.ts";
import { difference, type FieldSet, pathsOf, pathText } from "./fields-v1.ts";
import type { ManagedSet } from "./managed-entries.ts";

/** The fields that the apply sets differently and another manager owns. */
export interface FieldConflict {
	owner: ManagedSet;
	fields: FieldSet;
}

function managerText({ manager, operation, apiVersion, subresource }: ManagedSet): string {
	const name = JSON.stringify(manager) + (subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`);
	return operation === "Update" ? `${name} using ${apiVersion}` : name;
}

/** Leaves out the fields that may be taken without force. */
export function conflictsWithout(conflicts: readonly FieldConflict[], allowed: FieldSet | undefined): FieldConflict[] {
	return conflicts.flatMap(({ owner, fields }) => {
		const rest = difference(fields, allowed);
		return rest === undefined ? [] : [{ owner, fields: rest }];
	});
}

export function conflictError(conflicts: readonly FieldConflict[]): StatusError {
	const byManager = conflicts
		.map(({ owner, fields }) => ({ manager: managerText(owner), paths: pathsOf(fields).map(pathText) }))
		.sort((a, b) => (a.manager < b.manager ? -1 : 1));
	const causes = byManager.flatMap(({ manager, paths }) =>
		paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${manager}`, field })),
	);
	const [first] = byManager;
	const message =
		causes.length === 1
			? `Apply failed with 1 conflict: conflict with ${first?.manager}: ${first?.paths[0]}`
			: `Apply failed with ${causes.length} conflicts: ${byManager.map(({ manager, paths }) => [`conflicts with ${manager}:`, ...paths.map((p) => `- ${p}`)].join("\n")).join("\n")}`;
	return new StatusError(409, "Conflict", message, { causes });
}
