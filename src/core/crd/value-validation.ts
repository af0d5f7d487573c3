/**
 * Checks a value against a schema in the words of k8s.io/kube-openapi/pkg/validation, as apiextensions-apiserver turns
 * them into field errors. With an old value, what has not changed is not complained about (KEP-4008, ratcheting).
 */
import { type FieldError, invalid, required, tooLong, tooMany, typeInvalid } from "../errors/field-error.ts";
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import { jsonEqual } from "../meta/equality.ts";
import { hasFormat } from "./formats.ts";
import { INT_OR_STRING, type JsonSchema, propertyOf, valueSchemaOf } from "./json-schema.ts";
import { correlatedItems } from "./list-correlation.ts";
import { compilePattern } from "../regex/pattern.ts";

/** How a path prints that names nothing: the root's errors of junctors. */
export const NO_PATH = "<nil>";
const IN = "in body";
const INTEGER_BOUNDS: Readonly<Record<string, readonly [number, number]>> = { int32: [-(2 ** 31), 2 ** 31 - 1], int64: [-(2 ** 63), 2 ** 63] };

function typeOf(value: Json): string {
	if (value === null) return "null";
	if (Array.isArray(value)) return "array";
	if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
	return typeof value;
}

function typesOf(schema: JsonSchema): readonly string[] {
	if (schema[INT_OR_STRING]) return ["integer", "string"];
	return schema.type ? [schema.type] : [];
}

const child = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);
/** A path as field errors have it. */
const fieldOf = (path: string): string => (path === "" ? NO_PATH : path);
/** kube-openapi's text names the place by its path, and the root by nothing. */
const at = (path: string): string => (path === "" ? IN : `${path} ${IN}`);

function checkType(value: Json, schema: JsonSchema, path: string, errors: FieldError[]): boolean {
	const types = typesOf(schema);
	const found = typeOf(value);
	if (types.length === 0 || types.includes(found) || (found === "integer" && types.includes("number"))) return true;
	errors.push(typeInvalid(fieldOf(path), found, `${at(path)} must be of type ${types.join(",")}: ${JSON.stringify(found)}`));
	return false;
}

/** field.NotSupported, with the values in the schema's order. */
function checkEnum(value: Json, schema: JsonSchema, path: string, errors: FieldError[]): void {
	if (!schema.enum || schema.enum.some((allowed) => jsonEqual(allowed, value))) return;
	const list = schema.enum.map((allowed) => JSON.stringify(typeof allowed === "string" ? allowed : JSON.stringify(allowed))).join(", ");
	errors.push({ type: "FieldValueNotSupported", field: fieldOf(path), message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}` });
}

function checkString(value: string, schema: JsonSchema, path: string, errors: FieldError[]): void {
	const { maxLength, minLength, pattern, format } = schema;
	const field = fieldOf(path);
	// Length is counted in characters, not in UTF-16 units.
	const length = maxLength === undefined && minLength === undefined ? 0 : [...value].length;
	if (maxLength !== undefined && length > maxLength) errors.push(tooLong(field, maxLength));
	if (minLength !== undefined && length < minLength) errors.push(invalid(field, value, `${at(path)} should be at least ${minLength} chars long`));
	if (pattern && !compilePattern(pattern).test(value)) errors.push(invalid(field, value, `${at(path)} should match '${pattern}'`));
	if (format && !hasFormat(value, format)) errors.push(typeInvalid(field, value, `${at(path)} must be of type ${format}: ${JSON.stringify(value)}`));
}

function isMultiple(value: number, of: number): boolean {
	const quotient = value / of;
	return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}

function checkNumber(value: number, schema: JsonSchema, path: string, errors: FieldError[]): void {
	const { maximum, minimum, multipleOf } = schema;
	const field = fieldOf(path);
	const bounds = schema.type === "integer" ? INTEGER_BOUNDS[schema.format ?? ""] : undefined;
	if (bounds && (value < bounds[0] || value > bounds[1]))
		errors.push(invalid(field, value, `Checked value must be of type integer with format ${schema.format} (default boundaries)`));
	if (multipleOf !== undefined && !isMultiple(value, multipleOf)) errors.push(invalid(field, value, `${at(path)} should be a multiple of ${multipleOf}`));
	if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum))
		errors.push(invalid(field, value, `${at(path)} should be less than ${schema.exclusiveMaximum ? "" : "or equal to "}${maximum}`));
	if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum))
		errors.push(invalid(field, value, `${at(path)} should be greater than ${schema.exclusiveMinimum ? "" : "or equal to "}${minimum}`));
}

function checkList(value: Json[], schema: JsonSchema, path: string, errors: FieldError[], old: Json | undefined): void {
	const { maxItems, minItems, items } = schema;
	const field = fieldOf(path);
	if (items) {
		const oldItems = correlatedItems(schema, value, old);
		for (const [index, item] of value.entries()) checkValue(item, items, `${path}[${index}]`, errors, oldItems?.[index]);
	}
	if (minItems !== undefined && value.length < minItems) errors.push(invalid(field, value.length, `${at(path)} should have at least ${minItems} items`));
	if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(field, value.length, maxItems));
	if (schema.uniqueItems && value.some((item, index) => value.findIndex((other) => jsonEqual(item, other)) < index))
		errors.push(invalid(field, value, `${at(path)} shouldn't contain duplicates`));
}

function checkObject(value: JsonObject, schema: JsonSchema, path: string, errors: FieldError[], old: Json | undefined): void {
	const { maxProperties, minProperties } = schema;
	const field = fieldOf(path);
	const names = Object.keys(value);
	if (minProperties !== undefined && names.length < minProperties)
		errors.push(invalid(field, names.length, `${at(path)} should have at least ${minProperties} properties`));
	if (maxProperties !== undefined && names.length > maxProperties) errors.push(tooMany(field, names.length, maxProperties));
	for (const name of schema.required ?? []) if (!Object.hasOwn(value, name)) errors.push(required(child(path, name)));
	const valueSchema = valueSchemaOf(schema);
	for (const name of names) {
		const below = propertyOf(schema, name) ?? valueSchema;
		if (!below) continue;
		const oldItem = isJsonObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
		checkValue(value[name] as Json, below, child(path, name), errors, oldItem);
	}
}

function errorsOf(value: Json, schema: JsonSchema, path: string): FieldError[] {
	const errors: FieldError[] = [];
	checkValue(value, schema, path, errors, undefined);
	return errors;
}

/** What a junctor says of the place: kube-openapi gives it no field. */
const junctorError = (path: string, why: string): FieldError => invalid(NO_PATH, "", `${JSON.stringify(path)} ${why}`);

/** The complaints of the alternative that fits best: the one with the fewest. */
function bestOf(alternatives: readonly FieldError[][]): readonly FieldError[] {
	return alternatives.reduce((best, errors) => (errors.length < best.length ? errors : best), alternatives[0] ?? []);
}

function checkJunctors(value: Json, schema: JsonSchema, path: string, errors: FieldError[]): void {
	const { anyOf, oneOf, allOf, not } = schema;
	if (anyOf?.length) {
		const found = anyOf.map((alternative) => errorsOf(value, alternative, path));
		if (found.every((each) => each.length > 0)) errors.push(junctorError(path, "must validate at least one schema (anyOf)"), ...bestOf(found));
	}
	if (oneOf?.length) {
		const found = oneOf.map((alternative) => errorsOf(value, alternative, path));
		const valid = found.filter((each) => each.length === 0).length;
		if (valid !== 1) {
			const why = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
			errors.push(junctorError(path, `must validate one and only one schema (oneOf). ${why}`), ...(valid === 0 ? bestOf(found) : []));
		}
	}
	if (allOf?.length) {
		const found = allOf.map((each) => errorsOf(value, each, path));
		const valid = found.filter((each) => each.length === 0).length;
		if (valid !== found.length)
			errors.push(...found.flat(), junctorError(path, `must validate all the schemas (allOf)${valid === 0 ? ". None validated" : ""}`));
	}
	if (not && errorsOf(value, not, path).length === 0) errors.push(junctorError(path, "must not validate the schema (not)"));
}

/** Adds what is wrong with the value; `old` is the value that it replaces, if that can be told. */
export function checkValue(value: Json, schema: JsonSchema, path: string, errors: FieldError[], old: Json | undefined): void {
	if (old !== undefined && jsonEqual(value, old)) return;
	if (value === null && schema.nullable) return;
	checkType(value, schema, path, errors);
	checkJunctors(value, schema, path, errors);
	if (typeof value === "string") checkString(value, schema, path, errors);
	else if (typeof value === "number") checkNumber(value, schema, path, errors);
	else if (Array.isArray(value)) checkList(value, schema, path, errors, old);
	checkEnum(value, schema, path, errors);
	if (isJsonObject(value)) checkObject(value, schema, path, errors, old);
}
