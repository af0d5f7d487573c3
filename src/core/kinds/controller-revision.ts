/** ControllerRevision: pkg/registry/apps/controllerrevision. */
import { type FieldError, invalid, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { FIELD_IMMUTABLE, NON_NEGATIVE_ERROR } from "../meta/name-rules.ts";
import type { ControllerRevision } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";

function controllerName(revision: ControllerRevision): string {
	const owner = revision.metadata.ownerReferences?.find((o) => o.controller === true);
	if (!owner) return "<none>";
	const group = owner.apiVersion.includes("/") ? `.${owner.apiVersion.split("/")[0]}` : "";
	return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

function validate(revision: ControllerRevision): FieldError[] {
	const errors: FieldError[] = [];
	if (revision.data === undefined || revision.data === null) errors.push(required("data", "data is mandatory"));
	if ((revision.revision ?? 0) < 0) errors.push(invalid("revision", revision.revision, NON_NEGATIVE_ERROR));
	return errors;
}

export const controllerRevisionKind = defineKind<ControllerRevision>({
	group: "apps",
	version: "v1",
	kind: "ControllerRevision",
	plural: "controllerrevisions",
	singular: "controllerrevision",
	scope: "Namespaced",
	schema: "apps/v1.ControllerRevision",
	validate,
	validateUpdate: (next, old) => (semanticEqual(next.data, old.data) ? [] : [invalid("data", next.data, FIELD_IMMUTABLE)]),
	columns: [
		{ name: "Controller", type: "string", description: "Controller of the object", cell: controllerName },
		{
			name: "Revision",
			type: "string",
			description: "Revision indicates the revision of the state represented by Data.",
			cell: (revision) => revision.revision ?? 0,
		},
		ageColumn,
	],
});
