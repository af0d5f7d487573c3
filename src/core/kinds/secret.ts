/** Secret: pkg/registry/core/secret, ValidateSecret. Held sealed at rest. */
import { type FieldError, forbidden, invalid, required, tooLong } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { configMapKey, FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type { Secret } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { base64Length, DATA_BYTES_MAX } from "./config-map.ts";
import { defineKind } from "./define-kind.ts";

const SERVICE_ACCOUNT_NAME = "kubernetes.io/service-account.name";

function base64OfText(text: string): string {
	let bytes = "";
	for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
	return btoa(bytes);
}

function textOfBase64(text: string): string | undefined {
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
	} catch {
		return undefined;
	}
}

/** Keys that a type of Secret must carry; one of each inner list. */
const REQUIRED_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
	["kubernetes.io/dockercfg", [".dockercfg"]],
	["kubernetes.io/dockerconfigjson", [".dockerconfigjson"]],
	["kubernetes.io/ssh-auth", ["ssh-privatekey"]],
	["kubernetes.io/tls", ["tls.crt", "tls.key"]],
]);

function validateType(secret: Secret): FieldError[] {
	const errors: FieldError[] = [];
	const data = secret.data ?? {};
	if (secret.type === "kubernetes.io/service-account-token" && !secret.metadata.annotations?.[SERVICE_ACCOUNT_NAME]) {
		errors.push(required(`metadata.annotations[${SERVICE_ACCOUNT_NAME}]`));
	}
	if (secret.type === "kubernetes.io/basic-auth" && data.username === undefined && data.password === undefined) {
		errors.push(required("data[username]"), required("data[password]"));
	}
	for (const key of REQUIRED_KEYS.get(secret.type ?? "") ?? []) {
		const value = data[key];
		if (value === undefined) errors.push(required(`data[${key}]`));
		else if (key.startsWith(".docker")) errors.push(...validateDockerConfig(key, value));
	}
	return errors;
}

function validateDockerConfig(key: string, value: string): FieldError[] {
	try {
		JSON.parse(textOfBase64(value) ?? "");
		return [];
	} catch {
		return [invalid(`data[${key}]`, "<secret contents redacted>", "must be a valid JSON document")];
	}
}

function validate(secret: Secret): FieldError[] {
	const errors: FieldError[] = [];
	let total = 0;
	for (const [key, value] of Object.entries(secret.data ?? {})) {
		for (const problem of configMapKey(key)) errors.push(invalid(`data[${key}]`, key, problem));
		total += base64Length(value);
	}
	if (total > DATA_BYTES_MAX) errors.push(tooLong("data", DATA_BYTES_MAX));
	return [...errors, ...validateType(secret)];
}

function validateUpdate(next: Secret, old: Secret): FieldError[] {
	const errors: FieldError[] = [];
	if (next.type !== old.type) errors.push(invalid("type", next.type ?? "", FIELD_IMMUTABLE));
	if (!old.immutable) return errors;
	if (!next.immutable) errors.push(forbidden("immutable", "field is immutable when `immutable` is set"));
	if (!semanticEqual(next.data ?? {}, old.data ?? {})) errors.push(forbidden("data", "field is immutable when `immutable` is set"));
	return errors;
}

export const secretKind = defineKind<Secret>({
	group: "",
	version: "v1",
	kind: "Secret",
	plural: "secrets",
	singular: "secret",
	scope: "Namespaced",
	schema: "core/v1.Secret",
	defaults(secret) {
		secret.type ||= "Opaque";
		if (!secret.stringData) return;
		for (const [key, value] of Object.entries(secret.stringData)) secret.data = { ...secret.data, [key]: base64OfText(value) };
		delete secret.stringData;
	},
	validate,
	validateUpdate,
	columns: [
		{
			name: "Type",
			type: "string",
			description: "Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
			cell: (secret) => secret.type ?? "",
		},
		{
			name: "Data",
			type: "string",
			description:
				"Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4",
			cell: (secret) => Object.keys(secret.data ?? {}).length,
		},
		ageColumn,
	],
	selectableFields: { type: (secret) => secret.type ?? "" },
	encrypted: true,
});
