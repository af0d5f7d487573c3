/** What makes a schema structural (KEP-1111 and apiextensions-apiserver pkg/apiserver/schema/validation.go), in upstream's words. */
import { type FieldError, fieldErrorText, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import type { Json } from "../meta/object.ts";
import { jsonEqual } from "../meta/equality.ts";
import {
	EMBEDDED_RESOURCE,
	INT_OR_STRING,
	type JsonSchema,
	LIST_MAP_KEYS,
	LIST_TYPE,
	MAP_TYPE,
	PRESERVE_UNKNOWN,
	propertyOf,
	VALIDATIONS,
	valueSchemaOf,
} from "./json-schema.ts";
import { compilePattern } from "../regex/pattern.ts";
import { pruned } from "./pruning.ts";
import { cardinality } from "./rule-types.ts";
import { RuleCheck } from "./rule-validation.ts";
import { checkValue } from "./value-validation.ts";

/** Schemas nested in each other. */
const DEPTH_MAX = 100;
const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const UNSUPPORTED = ["$ref", "id", "$schema", "definitions", "dependencies", "patternProperties", "additionalItems"];
/** What a junctor's schemas may not say: it is said outside of them. */
const NOT_IN_JUNCTORS = [
	"type",
	"description",
	"title",
	"default",
	"nullable",
	PRESERVE_UNKNOWN,
	EMBEDDED_RESOURCE,
	INT_OR_STRING,
	LIST_TYPE,
	LIST_MAP_KEYS,
	MAP_TYPE,
	VALIDATIONS,
];
const INT_OR_STRING_JUNCTOR: readonly JsonSchema[] = [{ type: "integer" }, { type: "string" }];

interface Place {
	path: string;
	/** What stands there: the root, a property, an item of a list or a map's value. */
	as: "root" | "field" | "item";
	/** The schema of a whole object: rules see its head. */
	isResource: boolean;
	depth: number;
	/** Values of one list may be another's tomorrow: rules cannot speak of their old value. */
	uncorrelatable: boolean;
	/** How many values there may be. */
	cardinality: number;
}

class StructureCheck {
	readonly errors: FieldError[] = [];
	/** Rules can only be looked into when the schema is one. */
	readonly places: { schema: JsonSchema; place: Place }[] = [];

	schema(schema: JsonSchema, place: Place): void {
		if (place.depth > DEPTH_MAX) {
			this.errors.push(invalid(place.path, "", `must not be nested more than ${DEPTH_MAX} levels`));
			return;
		}
		this.#unsupported(schema, place.path);
		this.#type(schema, place);
		this.#extensions(schema, place);
		this.#values(schema, place.path);
		this.#default(schema, place);
		this.#junctors(schema, place.path);
		if (schema[VALIDATIONS]) this.places.push({ schema, place });
		this.#below(schema, place);
	}

	#unsupported(schema: JsonSchema, path: string): void {
		for (const name of UNSUPPORTED)
			if ((schema as Record<string, unknown>)[name] !== undefined) this.errors.push(forbidden(`${path}.${name}`, `${name} is not supported`));
		if (schema.uniqueItems)
			this.errors.push(forbidden(`${path}.uniqueItems`, "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"));
	}

	#type(schema: JsonSchema, { path, as }: Place): void {
		const { type = "" } = schema;
		if (as === "root") {
			if (type === "") this.errors.push(required(`${path}.type`, "must not be empty at the root"));
			else if (type !== "object") this.errors.push(invalid(`${path}.type`, type, "must be object at the root"));
			if (schema.nullable) this.errors.push(forbidden(`${path}.nullable`, "nullable cannot be true at the root"));
			if (schema.additionalProperties !== undefined && schema.additionalProperties !== false)
				this.errors.push(forbidden(`${path}.additionalProperties`, "must not be used at the root"));
			return;
		}
		if (type !== "" && !TYPES.includes(type)) this.errors.push(notSupported(`${path}.type`, type, TYPES));
		if (schema[INT_OR_STRING]) {
			if (type !== "") this.errors.push(invalid(`${path}.type`, type, `must be empty if ${INT_OR_STRING} is true`));
			return;
		}
		if (type === "" && !schema[PRESERVE_UNKNOWN])
			this.errors.push(required(`${path}.type`, `must not be empty for specified ${as === "item" ? "array items" : "object fields"}`));
	}

	#extensions(schema: JsonSchema, { path }: Place): void {
		const { type = "", properties, additionalProperties, items } = schema;
		if (additionalProperties !== undefined && additionalProperties !== false && Object.keys(properties ?? {}).length > 0)
			this.errors.push(forbidden(`${path}.additionalProperties`, "additionalProperties and properties are mutual exclusive"));
		if (additionalProperties === false) this.errors.push(forbidden(`${path}.additionalProperties`, "additionalProperties cannot be set to false"));
		if (Array.isArray(items)) this.errors.push(forbidden(`${path}.items`, "items must be a schema object and not an array"));
		else if (type === "array" && !items) this.errors.push(required(`${path}.items`, "must be specified"));
		if (schema[PRESERVE_UNKNOWN] === false) this.errors.push(invalid(`${path}.${PRESERVE_UNKNOWN}`, false, "must be true or undefined"));
		if (schema[EMBEDDED_RESOURCE]) {
			if (type !== "object")
				this.errors.push(
					type === ""
						? required(`${path}.type`, `must be object if ${EMBEDDED_RESOURCE} is true`)
						: invalid(`${path}.type`, type, `must be object if ${EMBEDDED_RESOURCE} is true`),
				);
			if (!properties && !schema[PRESERVE_UNKNOWN])
				this.errors.push(required(`${path}.properties`, `must not be empty if ${EMBEDDED_RESOURCE} is true without ${PRESERVE_UNKNOWN}`));
		}
		this.#mapType(schema, path);
		this.#listType(schema, path);
	}

	#mapType(schema: JsonSchema, path: string): void {
		const mapType = schema[MAP_TYPE];
		if (mapType === undefined) return;
		if (schema.type !== "object") this.errors.push(invalid(`${path}.type`, schema.type ?? "", `must be object if ${MAP_TYPE} is specified`));
		if (mapType !== "atomic" && mapType !== "granular") this.errors.push(notSupported(`${path}.${MAP_TYPE}`, mapType, ["atomic", "granular"]));
	}

	#listType(schema: JsonSchema, path: string): void {
		const listType = schema[LIST_TYPE];
		const keys = schema[LIST_MAP_KEYS];
		if (listType !== undefined && schema.type !== "array")
			this.errors.push(invalid(`${path}.type`, schema.type ?? "", `must be array if ${LIST_TYPE} is specified`));
		if (listType !== undefined && !["atomic", "set", "map"].includes(listType))
			this.errors.push(notSupported(`${path}.${LIST_TYPE}`, listType, ["atomic", "set", "map"]));
		if (keys?.length && listType !== "map") this.errors.push(invalid(`${path}.${LIST_TYPE}`, listType ?? "", `must be map if ${LIST_MAP_KEYS} is non-empty`));
		if (listType !== "map") return;
		if (!keys?.length) this.errors.push(required(`${path}.${LIST_MAP_KEYS}`, `must not be empty if ${LIST_TYPE} is map`));
		const items = schema.items && !Array.isArray(schema.items) ? schema.items : undefined;
		if (items?.type !== "object") this.errors.push(invalid(`${path}.items.type`, items?.type ?? "", `must be object if parent array's ${LIST_TYPE} is map`));
		for (const key of keys ?? []) this.#mapKey(key, items, path);
	}

	#mapKey(key: string, items: JsonSchema | undefined, path: string): void {
		const property = items && propertyOf(items, key);
		if (!property) {
			this.errors.push(invalid(`${path}.${LIST_MAP_KEYS}`, items?.[LIST_MAP_KEYS] ?? key, "entries must all be names of item properties"));
			return;
		}
		if (property.type === "array" || property.type === "object")
			this.errors.push(
				invalid(`${path}.items.properties[${key}].type`, property.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"),
			);
		if (property.default === undefined && !items?.required?.includes(key))
			this.errors.push(
				required(
					`${path}.items.properties[${key}].default`,
					"this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
				),
			);
	}

	#values(schema: JsonSchema, path: string): void {
		if (!schema.pattern) return;
		try {
			compilePattern(schema.pattern);
		} catch (error) {
			this.errors.push(invalid(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: ${(error as Error).message}`));
		}
	}

	#default(schema: JsonSchema, { path, as }: Place): void {
		if (schema.default === undefined) return;
		const at = `${path}.default`;
		if (as === "item" || as === "root") {
			this.errors.push(forbidden(at, as === "item" ? "must not be set on items or additional properties" : "must not be set at the root"));
			return;
		}
		const unknown: string[] = [];
		pruned(schema.default, schema, unknown);
		if (unknown.length > 0) this.errors.push(invalid(at, schema.default, `must not have unknown fields: ${unknown.map((name) => `.${name}`).join(", ")}`));
		const found: FieldError[] = [];
		checkValue(schema.default as Json, schema, "", found, undefined);
		for (const error of found)
			this.errors.push(
				invalid(
					at,
					schema.default,
					fieldErrorText(error)
						.replace(/^<nil>: /, "")
						.replace(/^Invalid value: "[^"]*": /, ""),
				),
			);
	}

	#junctors(schema: JsonSchema, path: string): void {
		for (const name of ["allOf", "anyOf", "oneOf"] as const)
			for (const [index, junctor] of (schema[name] ?? []).entries())
				this.#junctor(junctor, schema, `${path}.${name}[${index}]`, allowsIntOrString(schema, name, index));
		if (schema.not) this.#junctor(schema.not, schema, `${path}.not`, false);
	}

	/** A junctor's schema adds values to what is specified outside of it, and specifies nothing itself. */
	#junctor(junctor: JsonSchema, outside: JsonSchema | undefined, path: string, mayBeIntOrString: boolean): void {
		for (const name of NOT_IN_JUNCTORS) {
			const value = (junctor as Record<string, unknown>)[name];
			if (value === undefined || value === false || value === "" || (name === "type" && mayBeIntOrString)) continue;
			this.errors.push(forbidden(`${path}.${name}`, "must be empty to be structural"));
		}
		if (typeof junctor.additionalProperties === "object") this.errors.push(forbidden(`${path}.additionalProperties`, "must be undefined to be structural"));
		this.#values(junctor, path);
		this.#junctors(junctor, path);
		for (const [name, property] of Object.entries(junctor.properties ?? {})) {
			const specified = outside && (propertyOf(outside, name) ?? valueSchemaOf(outside));
			const at = `${path}.properties[${name}]`;
			if (!specified && !outside?.[PRESERVE_UNKNOWN]) this.errors.push(required(outsidePath(path, `properties[${name}]`), `because it is defined in ${at}`));
			this.#junctor(property, specified, at, specified?.[INT_OR_STRING] === true);
		}
		if (junctor.items) {
			if (!outside?.items) this.errors.push(required(outsidePath(path, "items"), `because it is defined in ${path}.items`));
			this.#junctor(junctor.items, outside?.items, `${path}.items`, false);
		}
	}

	#below(schema: JsonSchema, place: Place): void {
		const { path, depth, uncorrelatable } = place;
		const next = { isResource: false, depth: depth + 1, uncorrelatable, cardinality: place.cardinality * cardinality(schema) };
		for (const [name, property] of Object.entries(schema.properties ?? {})) {
			if (place.isResource && name === "metadata") this.#metadata(property, `${path}.properties[metadata]`);
			else this.schema(property, { ...next, path: `${path}.properties[${name}]`, as: "field", isResource: property[EMBEDDED_RESOURCE] === true });
		}
		const values = valueSchemaOf(schema);
		if (values) this.schema(values, { ...next, path: `${path}.additionalProperties`, as: "item" });
		const isKeyed = schema[LIST_TYPE] === "map";
		if (schema.items && !Array.isArray(schema.items))
			this.schema(schema.items, { ...next, path: `${path}.items`, as: "item", uncorrelatable: uncorrelatable || !isKeyed });
	}

	/** Metadata is the server's: a definition may narrow names, nothing else. */
	#metadata(schema: JsonSchema, path: string): void {
		if (schema.type !== undefined && schema.type !== "object") this.errors.push(invalid(`${path}.type`, schema.type, "must be object"));
		const names = Object.keys(schema.properties ?? {});
		if (names.some((name) => name !== "name" && name !== "generateName"))
			this.errors.push(forbidden(path, "must not specify anything other than name and generateName, but metadata is implicitly specified"));
	}
}

/** Where a junctor's property should have been specified: the path without the junctors on the way. */
function outsidePath(path: string, rest: string): string {
	return `${path.replace(/\.(?:(?:allOf|anyOf|oneOf)\[\d+\]|not)/g, "")}.${rest}`;
}

/** The one junctor that may speak of types: an int-or-string's own. */
function allowsIntOrString(schema: JsonSchema, name: "allOf" | "anyOf" | "oneOf", index: number): boolean {
	if (!schema[INT_OR_STRING] || name === "oneOf") return false;
	if (name === "anyOf") return jsonEqual(schema.anyOf, INT_OR_STRING_JUNCTOR);
	return index === 0 && jsonEqual(schema.allOf?.[0]?.anyOf, INT_OR_STRING_JUNCTOR);
}

/** What is wrong with a version's schema. */
export function validateStructure(schema: JsonSchema, path: string): FieldError[] {
	const check = new StructureCheck();
	check.schema(schema, { path, as: "root", isResource: true, depth: 0, uncorrelatable: false, cardinality: 1 });
	if (check.errors.length > 0) return check.errors;
	const rules = new RuleCheck();
	for (const each of check.places) rules.schema(each.schema, each.place);
	return [...rules.errors, ...rules.total(path)];
}
