/** Rules of a metav1.LabelSelector: pkg/apis/meta/v1/validation. */
import { type FieldError, forbidden, invalid, required } from "../errors/field-error.ts";
import { labelValue } from "../meta/name-rules.ts";
import { validateLabelName, validateLabels } from "../meta/object-meta-validation.ts";
import type { LabelSelector } from "../schema/kubernetes.d.ts";

/** ValidateLabelSelector; an absent selector breaks no rule here. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
	if (!selector) return [];
	const errors = validateLabels(selector.matchLabels, `${path}.matchLabels`);
	for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
		const at = `${path}.matchExpressions[${index}]`;
		if (operator === "In" || operator === "NotIn") {
			if (values.length === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
		} else if (operator === "Exists" || operator === "DoesNotExist") {
			if (values.length > 0) errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
		} else {
			errors.push(invalid(`${at}.operator`, operator, "not a valid selector operator"));
		}
		errors.push(...validateLabelName(key, `${at}.key`));
		for (const [i, value] of values.entries()) for (const problem of labelValue(value)) errors.push(invalid(`${at}.values[${i}]`, value, problem));
	}
	return errors;
}

export const isEmptySelector = (selector: LabelSelector): boolean =>
	Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
