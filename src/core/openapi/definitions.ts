/**
 * The schema's types as OpenAPI definitions under upstream's names, in the dialects of v2 (swagger 2.0) and v3.
 * Follows k8s.io/kube-openapi: pkg/generators for the marks, pkg/builder(3) for what each version leaves out.
 */
import type { Json, JsonObject } from "../meta/object.ts";
import { customDefinitionName, type CustomTypes } from "./custom-definitions.ts";
import { builtinDocs } from "../schema/builtin-docs.ts";
import { enumValuesOf, type GoField, goStruct, groupOfType, hasGoStruct, MAP_TYPE, typeRefOf, underlyingType } from "../schema/builtin-table.ts";

export type Dialect = "v2" | "v3";

const META_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta";
const APIEXTENSIONS_PACKAGE = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

/** Types that are no structs of the table, with the definition that stands for them. */
const SPECIAL_NAMES: Readonly<Record<string, string>> = {
	"resource.Quantity": "io.k8s.apimachinery.pkg.api.resource.Quantity",
	"intstr.IntOrString": "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
	"runtime.RawExtension": "io.k8s.apimachinery.pkg.runtime.RawExtension",
	"meta/v1.Time": `${META_PACKAGE}.v1.Time`,
	"meta/v1.MicroTime": `${META_PACKAGE}.v1.MicroTime`,
	"meta/v1.Duration": `${META_PACKAGE}.v1.Duration`,
	"meta/v1.FieldsV1": `${META_PACKAGE}.v1.FieldsV1`,
	"meta/v1.Patch": `${META_PACKAGE}.v1.Patch`,
	"apiextensions/v1.JSON": `${APIEXTENSIONS_PACKAGE}.JSON`,
	"apiextensions/v1.JSONSchemaPropsOrArray": `${APIEXTENSIONS_PACKAGE}.JSONSchemaPropsOrArray`,
	"apiextensions/v1.JSONSchemaPropsOrBool": `${APIEXTENSIONS_PACKAGE}.JSONSchemaPropsOrBool`,
	"apiextensions/v1.JSONSchemaPropsOrStringArray": `${APIEXTENSIONS_PACKAGE}.JSONSchemaPropsOrStringArray`,
};

/** "apps/v1.Deployment" as io.k8s.api.apps.v1.Deployment. */
export function definitionName(typeName: string): string {
	const special = SPECIAL_NAMES[typeName];
	if (special !== undefined) return special;
	const name = typeName.replace("/", ".");
	if (typeName.startsWith("webhooks/")) return name.replace("webhooks.", "dev.petrel.events.");
	if (typeName.startsWith("apiextensions/")) return `io.k8s.apiextensions-apiserver.pkg.apis.${name}`;
	return typeName.startsWith("meta/") ? `io.k8s.apimachinery.pkg.apis.${name}` : `io.k8s.api.${name}`;
}

const QUANTITY_DESCRIPTION =
	"Quantity is a fixed-point representation of a number: digits with an optional fraction, and a suffix that scales it (n, u, m, k, M, G, T, P, E; Ki, Mi, Gi, Ti, Pi, Ei; or a decimal exponent).";

function specialDefinition(typeName: string, dialect: Dialect): JsonObject {
	const v3 = dialect === "v3";
	switch (typeName) {
		case "resource.Quantity":
			return { description: QUANTITY_DESCRIPTION, ...(v3 ? { oneOf: [{ type: "string" }, { type: "number" }] } : { type: "string" }) };
		case "intstr.IntOrString":
			return {
				description: "IntOrString is a type that can hold an int32 or a string.",
				...(v3 ? { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] } : { type: "string", format: "int-or-string" }),
			};
		case "meta/v1.Time":
			return { description: "Time is a point in time, written as RFC 3339 to the second.", type: "string", format: "date-time" };
		case "meta/v1.MicroTime":
			return { description: "MicroTime is a point in time, written as RFC 3339 to the microsecond.", type: "string", format: "date-time" };
		case "meta/v1.Duration":
			return { description: "Duration is a span of time such as 1h30m.", type: "string" };
		case "meta/v1.FieldsV1":
			return { description: "FieldsV1 stores a set of fields in a data structure like a Trie, in JSON format.", type: "object" };
		case "apiextensions/v1.JSON":
			return { description: "JSON represents any valid JSON value." };
		case "apiextensions/v1.JSONSchemaPropsOrArray":
			return { description: "JSONSchemaPropsOrArray represents a value that can either be a JSONSchemaProps or an array of JSONSchemaProps." };
		case "apiextensions/v1.JSONSchemaPropsOrBool":
			return { description: "JSONSchemaPropsOrBool represents JSONSchemaProps or a boolean value." };
		case "apiextensions/v1.JSONSchemaPropsOrStringArray":
			return { description: "JSONSchemaPropsOrStringArray represents a JSONSchemaProps or a string array." };
		case "meta/v1.Patch":
			return { description: "Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.", type: "object" };
		default:
			return { description: "RawExtension holds an object of a type that this API does not fix.", type: "object" };
	}
}

/** Builds definitions and gathers those that they refer to. */
export class Definitions {
	readonly dialect: Dialect;
	readonly #built = new Map<string, JsonObject>();
	/** Group, version and kind of types that are kinds, by type name. */
	readonly #kinds: ReadonlyMap<string, Json>;
	readonly #custom: CustomTypes;

	constructor(dialect: Dialect, kinds: ReadonlyMap<string, Json>, custom: CustomTypes) {
		this.dialect = dialect;
		this.#kinds = kinds;
		this.#custom = custom;
	}

	/** Whether the type's structure is known. */
	describes(typeName: string): boolean {
		return hasGoStruct(typeName) || this.#custom.has(typeName);
	}

	/** A `$ref` to the type; the type and what it refers to are then among the definitions. */
	reference(typeName: string): JsonObject {
		this.#build(typeName);
		const prefix = this.dialect === "v2" ? "#/definitions/" : "#/components/schemas/";
		return { $ref: `${prefix}${this.#name(typeName)}` };
	}

	/** By name, sorted. */
	all(): JsonObject {
		return Object.fromEntries([...this.#built].sort(([a], [b]) => (a < b ? -1 : 1)));
	}

	#name(typeName: string): string {
		return this.#custom.has(typeName) ? customDefinitionName(typeName) : definitionName(typeName);
	}

	#build(typeName: string): void {
		const name = this.#name(typeName);
		if (this.#built.has(name)) return;
		this.#built.set(name, {});
		if (this.#custom.has(typeName)) {
			this.#built.set(
				name,
				this.#custom.definition(typeName, this.dialect, (other) => this.reference(other)),
			);
			return;
		}
		this.#built.set(name, SPECIAL_NAMES[typeName] === undefined ? this.#struct(typeName) : specialDefinition(typeName, this.dialect));
	}

	#struct(typeName: string): JsonObject {
		const struct = goStruct(typeName);
		const { description } = builtinDocs(struct.name);
		const properties: JsonObject = {};
		const required: string[] = [];
		this.#addProperties(struct.name, struct.name, properties, required);
		const sorted = Object.fromEntries(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)));
		const gvk = this.#kinds.get(struct.name);
		return {
			...(description ? { description } : {}),
			type: "object",
			...(required.length ? { required: required.sort() } : {}),
			...(Object.keys(sorted).length ? { properties: sorted } : {}),
			...(gvk ? { "x-kubernetes-group-version-kind": gvk } : {}),
			...(struct.structType ? { "x-kubernetes-map-type": struct.structType } : {}),
		};
	}

	#addProperties(owner: string, typeName: string, properties: JsonObject, required: string[]): void {
		const docs = builtinDocs(owner);
		for (const field of goStruct(typeName).fields) {
			if (field.name === "") {
				const inlined = typeRefOf(field.goType);
				if (inlined.kind === "struct") this.#addProperties(owner, inlined.name, properties, required);
				continue;
			}
			properties[field.name] = this.#property(field, docs.fields.get(field.name) ?? typeDescription(field.goType));
			if (!field.markedOptional && (field.markedRequired || !field.omitEmpty)) required.push(field.name);
		}
	}

	#property(field: GoField, description: string | undefined): JsonObject {
		const value = this.#type(field.goType, this.#defaultOf(field));
		const enumValues = this.dialect === "v3" ? enumValuesOf(field.goType) : undefined;
		if (enumValues && value.type === "string") value.enum = [...enumValues];
		return { ...(description ? { description } : {}), ...value, ...extensionsOf(field) };
	}

	/** v3 tells the default: the mark's, or the zero of a plain field that is always there. v2 tells none. */
	#defaultOf(field: GoField): Json | undefined {
		if (field.marks.default !== undefined) return field.marks.default;
		return field.pointer ? undefined : zeroDefault(field.goType, field.omitEmpty);
	}

	#type(goType: string, defaultValue: Json | undefined): JsonObject {
		const plain = goType.replace(/^\*/, "");
		const type = underlyingType(plain);
		const withDefault: JsonObject = this.dialect === "v3" && defaultValue !== undefined ? { default: defaultValue } : {};
		const scalar = SCALARS[type];
		if (scalar) return { ...scalar, ...withDefault };
		if (type.startsWith("[]")) return { type: "array", items: this.#type(type.slice(2), zeroDefault(type.slice(2), false)) };
		const map = MAP_TYPE.exec(type);
		if (map) {
			const value = type.slice(map[0].length);
			return { type: "object", additionalProperties: this.#type(value, zeroDefault(value, false)) };
		}
		if (type === "interface{}") return { type: "object" };
		const reference = this.reference(type);
		// Swagger 2.0 as Kubernetes writes it has siblings beside $ref; OpenAPI 3.0 forbids them.
		return this.dialect === "v2" ? reference : { allOf: [reference], ...withDefault };
	}
}

const SCALARS: Readonly<Record<string, JsonObject>> = {
	string: { type: "string" },
	"types.UID": { type: "string" },
	bool: { type: "boolean" },
	int32: { type: "integer", format: "int32" },
	int64: { type: "integer", format: "int64" },
	float64: { type: "number", format: "double" },
	"[]byte": { type: "string", format: "byte" },
};

/** kube-openapi's mustEnforceDefault: what a plain field holds when nothing is given. */
function zeroDefault(goType: string, omitEmpty: boolean): Json | undefined {
	const { kind } = typeRefOf(goType);
	if (goType.startsWith("*")) return undefined;
	if (kind === "struct") return {};
	if (omitEmpty) return undefined;
	if (kind === "string") return "";
	if (kind === "boolean") return false;
	return kind === "int32" || kind === "int64" || kind === "double" ? 0 : undefined;
}

function extensionsOf({ marks }: GoField): JsonObject {
	return {
		...(marks.listMapKeys ? { "x-kubernetes-list-map-keys": [...marks.listMapKeys] } : {}),
		...(marks.listType ? { "x-kubernetes-list-type": marks.listType } : {}),
		...(marks.mapType || marks.structType ? { "x-kubernetes-map-type": (marks.mapType ?? marks.structType) as string } : {}),
		...(marks.patchMergeKey ? { "x-kubernetes-patch-merge-key": marks.patchMergeKey } : {}),
		...(marks.patchStrategy ? { "x-kubernetes-patch-strategy": marks.patchStrategy.join(",") } : {}),
	};
}

/** What a reference to a described type can say of itself: the models that the docs come from leave such fields bare. */
function typeDescription(goType: string): string | undefined {
	const type = typeRefOf(goType);
	return type.kind === "struct" ? builtinDocs(type.name).description || undefined : undefined;
}

/** The group, version and kind that a definition of the type carries. */
export function kindEntry(typeName: string): Json {
	const dot = typeName.lastIndexOf(".");
	return {
		group: groupOfType(typeName) === "meta.k8s.io" ? "" : groupOfType(typeName),
		kind: typeName.slice(dot + 1),
		version: typeName.slice(typeName.indexOf("/") + 1, dot),
	};
}
