/**
 * A custom kind's schema as OpenAPI shows it (apiextensions-apiserver pkg/controller/openapi): with the head that every
 * object has, and for v2 without what Swagger 2.0 cannot say.
 */
import type { KindDefinition } from "../kinds/define-kind.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import type { Dialect } from "./definitions.ts";

const API_VERSION =
	"APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND =
	"Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA = "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
const LIST_METADATA = "Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
/** What Swagger 2.0 has no words for, or clients of it stumble over. */
const NOT_IN_V2 = ["anyOf", "oneOf", "not", "nullable", "default", "x-kubernetes-validations"];
const UNSTRUCTURED = ["type", "properties", "items", "additionalProperties"];
const PRESERVE_UNKNOWN = "x-kubernetes-preserve-unknown-fields";

/** By the types' names: what a custom kind and its list are. */
export class CustomTypes {
	readonly #kinds = new Map<string, KindDefinition>();

	constructor(kinds: readonly KindDefinition[]) {
		for (const kind of kinds) if (kind.openApi) this.#kinds.set(kind.schema, kind);
	}

	has(typeName: string): boolean {
		return this.#kinds.has(typeName) || this.#kinds.has(itemOf(typeName) ?? "");
	}

	/** The definition of the type; `reference` gives references to other types. */
	definition(typeName: string, dialect: Dialect, reference: (typeName: string) => JsonObject): JsonObject {
		const kind = this.#kinds.get(typeName);
		if (kind) return objectDefinition(kind, dialect, reference);
		const item = this.#kinds.get(itemOf(typeName) ?? "");
		if (!item) throw new Error(`no custom kind has the type ${typeName}`);
		return listDefinition(item, reference);
	}
}

const itemOf = (typeName: string): string | undefined => (typeName.endsWith("List") ? typeName.slice(0, -"List".length) : undefined);

/** "example.com/v1.Widget" as com.example.v1.Widget. */
export function customDefinitionName(typeName: string): string {
	const slash = typeName.indexOf("/");
	return `${typeName.slice(0, slash).split(".").reverse().join(".")}.${typeName.slice(slash + 1)}`;
}

const text = (description: string): JsonObject => ({ type: "string", description });

function head(meta: JsonObject, description: string): JsonObject {
	const reference = meta.$ref === undefined ? meta : { allOf: [meta] };
	return { apiVersion: text(API_VERSION), kind: text(KIND), metadata: { ...reference, description } };
}

function objectDefinition({ group, version, kind, openApi }: KindDefinition, dialect: Dialect, reference: (typeName: string) => JsonObject): JsonObject {
	const schema = shown((openApi as { schema: JsonObject }).schema, dialect, reference);
	const properties = { ...(schema.properties as JsonObject | undefined), ...head(reference("meta/v1.ObjectMeta"), METADATA) };
	return { ...schema, type: "object", properties, "x-kubernetes-group-version-kind": [{ group, kind, version }] };
}

function listDefinition(kind: KindDefinition, reference: (typeName: string) => JsonObject): JsonObject {
	const items = { description: `List of ${kind.plural}.`, type: "array", items: reference(kind.schema) };
	return {
		description: `${kind.kind}List is a list of ${kind.kind}`,
		type: "object",
		required: ["items"],
		properties: { ...head(reference("meta/v1.ListMeta"), LIST_METADATA), items },
		"x-kubernetes-group-version-kind": [{ group: kind.group, kind: kind.listKind ?? `${kind.kind}List`, version: kind.version }],
	};
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

function shown(schema: JsonObject, dialect: Dialect, reference: (typeName: string) => JsonObject): JsonObject {
	const out: JsonObject = {};
	for (const [name, value] of Object.entries(schema)) {
		if (dialect === "v2" && NOT_IN_V2.includes(name)) continue;
		if (name === "properties" && isObject(value)) out.properties = mapped(value, dialect, reference);
		else if ((name === "items" || name === "additionalProperties" || name === "not") && isObject(value)) out[name] = shown(value, dialect, reference);
		else if ((name === "allOf" || name === "anyOf" || name === "oneOf") && Array.isArray(value)) {
			// Of a junctor v2 has no use without the rest.
			if (dialect === "v3") out[name] = value.map((each) => shown(each as JsonObject, dialect, reference));
		} else if (!(dialect === "v2" && name === "additionalProperties")) out[name] = value;
	}
	return dialect === "v2" ? plainV2(schema, out) : withEmbeddedHead(schema, out, reference);
}

const mapped = (properties: JsonObject, dialect: Dialect, reference: (typeName: string) => JsonObject): JsonObject =>
	Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, shown(value as JsonObject, dialect, reference)]));

/** Clients of v2 check strictly: what may be null, of several types or unknown is left open. */
function plainV2(schema: JsonObject, out: JsonObject): JsonObject {
	if (!schema.nullable && !schema[PRESERVE_UNKNOWN] && !schema["x-kubernetes-int-or-string"]) return out;
	return Object.fromEntries(
		Object.entries(out).filter(([name]) => !UNSTRUCTURED.includes(name) || (name === "type" && schema[PRESERVE_UNKNOWN] === true && !schema.nullable)),
	);
}

function withEmbeddedHead(schema: JsonObject, out: JsonObject, reference: (typeName: string) => JsonObject): JsonObject {
	if (!schema["x-kubernetes-embedded-resource"]) return out;
	return { ...out, properties: { ...(out.properties as JsonObject | undefined), ...head(reference("meta/v1.ObjectMeta"), METADATA) } };
}
