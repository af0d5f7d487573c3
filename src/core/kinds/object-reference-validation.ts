/** Rules of the parts that references to other objects are made of, and of small numbers; each field's rules stand on its own path. */
import { type FieldError, invalid, required } from "../errors/field-error.ts";
import { dns1123Subdomain, pathSegment } from "../meta/name-rules.ts";

/** A field that must be there and fit a path of the API: a kind, a name, a resource. */
export function validateSegment(value: string | undefined, path: string, detail = ""): FieldError[] {
	if (!value) return [required(path, detail)];
	return pathSegment(value).map((problem) => invalid(path, value, problem));
}

/** Every problem that `rule` has with a field that is set. */
export const validateWith = (rule: (value: string) => string[], value: string | undefined, path: string): FieldError[] =>
	value ? rule(value).map((problem) => invalid(path, value, problem)) : [];

/** apiGroup, kind and name of a TypedLocalObjectReference. */
export function validateTypedReference(reference: { apiGroup?: string; kind: string; name: string }, path: string): FieldError[] {
	const { apiGroup } = reference;
	return [
		...(apiGroup == null ? [] : dns1123Subdomain(apiGroup).map((problem) => invalid(`${path}.apiGroup`, apiGroup, problem))),
		...validateSegment(reference.kind, `${path}.kind`),
		...validateSegment(reference.name, `${path}.name`),
	];
}
