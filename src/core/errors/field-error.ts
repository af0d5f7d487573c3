/** One broken rule at one field, in the words of k8s.io/apimachinery/pkg/util/validation/field. */

export type FieldErrorType =
	| "FieldValueRequired"
	| "FieldValueInvalid"
	| "FieldValueNotSupported"
	| "FieldValueDuplicate"
	| "FieldValueForbidden"
	| "FieldValueTooLong"
	| "FieldValueTooMany"
	| "FieldValueNotFound"
	| "FieldValueTypeInvalid"
	| "InternalError";

export interface FieldError {
	type: FieldErrorType;
	/** A path such as `spec.containers[0].name`. */
	field: string;
	/** The message without the path, as it stands in `details.causes[].message`. */
	message: string;
}

function show(value: unknown): string {
	if (value === undefined || value === null) return "null";
	return typeof value === "object" ? JSON.stringify(value) : typeof value === "string" ? JSON.stringify(value) : String(value);
}

function withDetail(head: string, detail: string): string {
	return detail === "" ? head : `${head}: ${detail}`;
}

export const required = (field: string, detail = ""): FieldError => ({ type: "FieldValueRequired", field, message: withDetail("Required value", detail) });
export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
	type: "FieldValueInvalid",
	field,
	message: withDetail(`Invalid value: ${show(value)}`, detail),
});
export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({
	type: "FieldValueTypeInvalid",
	field,
	message: withDetail(`Invalid value: ${show(value)}`, detail),
});
export const duplicate = (field: string, value: unknown): FieldError => ({ type: "FieldValueDuplicate", field, message: `Duplicate value: ${show(value)}` });
export const forbidden = (field: string, detail: string): FieldError => ({ type: "FieldValueForbidden", field, message: withDetail("Forbidden", detail) });
export const notFoundField = (field: string, value: unknown): FieldError => ({ type: "FieldValueNotFound", field, message: `Not found: ${show(value)}` });
export const tooLong = (field: string, maxLength: number): FieldError => ({
	type: "FieldValueTooLong",
	field,
	message: `Too long: may not be more than ${maxLength} bytes`,
});
export const tooMany = (field: string, actual: number, max: number): FieldError => ({
	type: "FieldValueTooMany",
	field,
	message: `Too many: ${actual}: must have at most ${max} items`,
});
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
	const list = [...supported]
		.sort()
		.map((s) => JSON.stringify(s))
		.join(", ");
	return {
		type: "FieldValueNotSupported",
		field,
		message: withDetail(`Unsupported value: ${show(value)}`, supported.length ? `supported values: ${list}` : ""),
	};
}

/** `field: message`, as upstream prints one. */
/** Several as one text (ErrorList.ToAggregate). */
export const aggregateText = (errors: readonly FieldError[]): string =>
	errors.length === 1 ? fieldErrorText(errors[0] as FieldError) : `[${errors.map(fieldErrorText).join(", ")}]`;

export const fieldErrorText = (error: FieldError): string => `${error.field}: ${error.message}`;
