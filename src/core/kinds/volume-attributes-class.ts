/** VolumeAttributesClass: pkg/registry/storage/volumeattributesclass, pkg/apis/storage/validation. */
import { forbidden } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { VolumeAttributesClass } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn, NAME_DESCRIPTION } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateParameters, validateProvisioner } from "./storage-class-validation.ts";

const TYPE = "storage/v1.VolumeAttributesClass";
const DEFAULT_ANNOTATION = "volumeattributesclass.kubernetes.io/is-default-class";
const IMMUTABLE = ["driverName", "parameters"] as const;

export const volumeAttributesClassKind = defineKind<VolumeAttributesClass>({
	group: "storage.k8s.io",
	version: "v1",
	kind: "VolumeAttributesClass",
	plural: "volumeattributesclasses",
	singular: "volumeattributesclass",
	shortNames: ["vac"],
	scope: "Cluster",
	schema: TYPE,
	validate: ({ driverName, parameters }) => [
		...validateProvisioner(driverName, "spec.driverName"),
		...validateParameters(parameters, false, "spec.parameters"),
	],
	validateUpdate: (next, old) =>
		IMMUTABLE.flatMap((field) => (semanticEqual(next[field], old[field]) ? [] : [forbidden(field, `updates to ${field} are forbidden.`)])),
	columns: [
		{
			name: "Name",
			type: "string",
			format: "name",
			description: NAME_DESCRIPTION,
			cell: ({ metadata }) => `${metadata.name}${metadata.annotations?.[DEFAULT_ANNOTATION] === "true" ? " (default)" : ""}`,
		},
		fieldColumn(TYPE, "driverName", { name: "DriverName", type: "string", cell: ({ driverName }) => driverName }),
		ageColumn,
	],
});
