/** ConfigMap: pkg/registry/core/configmap, ValidateConfigMap. */
import { type FieldError, forbidden, invalid, tooLong } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { byteLength, configMapKey } from "../meta/name-rules.ts";
import type { ConfigMap } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";

/** All values of one ConfigMap or Secret together. */
export const DATA_BYTES_MAX = 1024 * 1024;

/** Bytes that base64 text stands for. */
export function base64Length(text: string): number {
	const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
	return Math.max(0, Math.floor((text.length * 3) / 4) - padding);
}

function validate(map: ConfigMap): FieldError[] {
	const errors: FieldError[] = [];
	let total = 0;
	for (const [key, value] of Object.entries(map.data ?? {})) {
		for (const problem of configMapKey(key)) errors.push(invalid(`data[${key}]`, key, problem));
		if (map.binaryData && Object.hasOwn(map.binaryData, key)) {
			errors.push(invalid(`data[${key}]`, key, "duplicate of key present in binaryData"));
		}
		total += byteLength(value);
	}
	for (const [key, value] of Object.entries(map.binaryData ?? {})) {
		for (const problem of configMapKey(key)) errors.push(invalid(`binaryData[${key}]`, key, problem));
		total += base64Length(value);
	}
	// field.NewPath("") prints as "[]".
	if (total > DATA_BYTES_MAX) errors.push(tooLong("[]", DATA_BYTES_MAX));
	return errors;
}

function validateUpdate(next: ConfigMap, old: ConfigMap): FieldError[] {
	if (!old.immutable) return [];
	const errors: FieldError[] = [];
	if (!next.immutable) errors.push(forbidden("immutable", "field is immutable when `immutable` is set"));
	for (const field of ["data", "binaryData"] as const) {
		if (!semanticEqual(next[field] ?? {}, old[field] ?? {})) errors.push(forbidden(field, "field is immutable when `immutable` is set"));
	}
	return errors;
}

export const configMapKind = defineKind<ConfigMap>({
	group: "",
	version: "v1",
	kind: "ConfigMap",
	plural: "configmaps",
	singular: "configmap",
	shortNames: ["cm"],
	scope: "Namespaced",
	schema: "core/v1.ConfigMap",
	validate,
	validateUpdate,
	columns: [
		{
			name: "Data",
			type: "string",
			description:
				"Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process.",
			cell: (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
		},
		ageColumn,
	],
});
