/** Fields that stay as they were made: ValidateImmutableField of k8s.io/apimachinery/pkg/api/validation. */
import { type FieldError, invalid } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { FIELD_IMMUTABLE } from "../meta/name-rules.ts";

export const validateImmutable = (next: unknown, old: unknown, path: string): FieldError[] =>
	semanticEqual(next, old) ? [] : [invalid(path, next ?? null, FIELD_IMMUTABLE)];
