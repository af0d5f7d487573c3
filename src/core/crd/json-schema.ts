/** A CustomResourceDefinition's schema, as far as validation lets it be: structural, items and additionalProperties no unions. */
import type { Json, JsonObject } from "../meta/object.ts";
import type { CustomResourceDefinitionVersion, ValidationRule } from "../schema/kubernetes.d.ts";

export interface JsonSchema {
	type?: string;
	format?: string;
	title?: string;
	description?: string;
	default?: Json;
	nullable?: boolean;
	enum?: Json[];
	maximum?: number;
	exclusiveMaximum?: boolean;
	minimum?: number;
	exclusiveMinimum?: boolean;
	multipleOf?: number;
	maxLength?: number;
	minLength?: number;
	pattern?: string;
	maxItems?: number;
	minItems?: number;
	uniqueItems?: boolean;
	maxProperties?: number;
	minProperties?: number;
	required?: string[];
	items?: JsonSchema;
	properties?: Record<string, JsonSchema>;
	additionalProperties?: JsonSchema | boolean;
	allOf?: JsonSchema[];
	oneOf?: JsonSchema[];
	anyOf?: JsonSchema[];
	not?: JsonSchema;
	"x-kubernetes-preserve-unknown-fields"?: boolean;
	"x-kubernetes-embedded-resource"?: boolean;
	"x-kubernetes-int-or-string"?: boolean;
	"x-kubernetes-list-map-keys"?: string[];
	"x-kubernetes-list-type"?: string;
	"x-kubernetes-map-type"?: string;
	"x-kubernetes-validations"?: ValidationRule[];
}

export const PRESERVE_UNKNOWN = "x-kubernetes-preserve-unknown-fields";
export const EMBEDDED_RESOURCE = "x-kubernetes-embedded-resource";
export const INT_OR_STRING = "x-kubernetes-int-or-string";
export const LIST_TYPE = "x-kubernetes-list-type";
export const LIST_MAP_KEYS = "x-kubernetes-list-map-keys";
export const MAP_TYPE = "x-kubernetes-map-type";
export const VALIDATIONS = "x-kubernetes-validations";

/** The members that every object has beside what its schema says. */
export const OBJECT_HEAD: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** The version's schema. */
export const schemaOfVersion = (version: CustomResourceDefinitionVersion): JsonSchema => (version.schema?.openAPIV3Schema ?? {}) as JsonSchema;

/** The member's schema among the properties; own members alone count. */
export const propertyOf = (schema: JsonSchema, name: string): JsonSchema | undefined =>
	schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;

/** The schema of the values of a map; undefined when there is none (an object, or a map of anything). */
export const valueSchemaOf = (schema: JsonSchema): JsonSchema | undefined =>
	typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;

/** Assigns an own member whatever its name, `__proto__` too. */
export function setOwn(target: JsonObject, key: string, value: Json): void {
	if (key === "__proto__") Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
	else target[key] = value;
}
