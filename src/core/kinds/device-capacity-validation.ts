/** Rules of what a device can be asked for in parts: validateRequestPolicy of pkg/apis/resource/validation. */
import { duplicate, type FieldError, forbidden, invalid, required, tooMany } from "../errors/field-error.ts";
import { compareQuantities, parseQuantity, type Quantity, quantityText, quantityValue } from "../quantity/quantity.ts";
import type { CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity } from "../schema/kubernetes.d.ts";
import { validateEntries, validateQualifiedName } from "./device-rules.ts";

const OPTIONS_MAX = 10;

const exceeds = (a: Quantity, b: Quantity): boolean => compareQuantities(a, b) > 0;

function validateOptions(preset: Quantity, whole: Quantity, options: readonly Quantity[], path: string): FieldError[] {
	const errors: FieldError[] = [];
	for (const [index, option] of options.entries()) {
		const before = options[index - 1];
		if (before && exceeds(before, option)) errors.push(invalid(`${path}[${index}]`, quantityText(option), "values must be sorted in ascending order"));
	}
	if (options.length > OPTIONS_MAX) errors.push(tooMany(path, options.length, OPTIONS_MAX));
	else {
		const values = options.map(quantityValue);
		for (const [index, option] of options.entries()) {
			const at = `${path}[${index}]`;
			if (exceeds(option, whole)) errors.push(invalid(at, quantityText(option), `option is larger than capacity value: ${quantityText(whole)}`));
			if (values.indexOf(values[index] ?? 0) < index) errors.push(duplicate(at, String(values[index])));
		}
	}
	if (options.some((option) => compareQuantities(option, preset) === 0)) return errors;
	return [...errors, invalid(path, quantityText(preset), "default value is not valid according to the requestPolicy")];
}

function validateStep(preset: Quantity, whole: Quantity, min: Quantity, max: Quantity | undefined, step: Quantity, path: string): FieldError[] {
	if (step.nano <= 0n) return [invalid(path, quantityText(step), "must be greater than zero")];
	const errors: FieldError[] = [];
	const first: Quantity = { nano: min.nano + step.nano, format: min.format };
	if (exceeds(first, whole)) {
		errors.push(invalid(path, quantityText(step), `one step ${quantityText(first)} is larger than capacity value: ${quantityText(whole)}`));
	}
	for (const value of max ? [preset, max] : [preset]) {
		if ((quantityValue(value) - quantityValue(min)) % quantityValue(step) === 0) continue;
		errors.push(invalid(path, quantityText(value), `value is not a multiple of a given step (${quantityText(step)}) from (${quantityText(min)})`));
	}
	return errors;
}

function validateRange(preset: Quantity, whole: Quantity, range: CapacityRequestPolicyRange, path: string): FieldError[] {
	if (range.min === undefined) return [required(`${path}.min`, "required when validRange is defined")];
	const errors: FieldError[] = [];
	const min = parseQuantity(range.min);
	const max = range.max === undefined ? undefined : parseQuantity(range.max);
	const [least, most, all] = [quantityText(min), max ? quantityText(max) : "", quantityText(whole)];
	if (exceeds(min, whole)) errors.push(invalid(`${path}.min`, least, `min is larger than capacity value: ${all}`));
	if (exceeds(min, preset)) errors.push(invalid(`${path}.min`, quantityText(preset), `default is less than min: ${least}`));
	if (max) {
		if (exceeds(min, max)) errors.push(invalid(`${path}.max`, least, `min is larger than max: ${most}`));
		if (exceeds(max, whole)) errors.push(invalid(`${path}.max`, most, `max is larger than capacity value: ${all}`));
		if (exceeds(preset, max)) errors.push(invalid(`${path}.max`, quantityText(preset), `default is more than max: ${most}`));
	}
	if (range.step === undefined) return errors;
	return [...errors, ...validateStep(preset, whole, min, max, parseQuantity(range.step), `${path}.step`)];
}

function validatePolicy(whole: string, policy: CapacityRequestPolicy, path: string): FieldError[] {
	const { validValues = [], validRange, default: preset } = policy;
	if (validValues.length > 0 && validRange) {
		return [forbidden(path, 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time')];
	}
	if (validValues.length === 0 && !validRange) return [];
	if (preset == null) return [required(`${path}.default`, `required when ${validRange ? "validRange" : "validValues"} is defined`)];
	const [asked, all] = [parseQuantity(preset), parseQuantity(whole)];
	if (validRange) return validateRange(asked, all, validRange, `${path}.validRange`);
	return validateOptions(asked, all, validValues.map(parseQuantity), `${path}.validValues`);
}

/** A device's capacities; only one that is shared says how it may be divided. Amounts have been read when the object was decoded. */
export function validateCapacities(capacities: Record<string, DeviceCapacity> | undefined, shared: boolean, path: string): FieldError[] {
	return validateEntries(capacities, Number.POSITIVE_INFINITY, path, validateQualifiedName, ({ value, requestPolicy }, at) => {
		if (!requestPolicy) return [];
		return shared ? validatePolicy(value, requestPolicy, `${at}.requestPolicy`) : [forbidden(`${at}.requestPolicy`, "allowMultipleAllocations must be true")];
	});
}
