/** Rules of a LimitRange: ValidateLimitRange of pkg/apis/core/validation. */
import { duplicate, type FieldError, forbidden, invalid, required } from "../errors/field-error.ts";
import { qualifiedName } from "../meta/name-rules.ts";
import { compareQuantities, type Quantity, quantityOf, quantityText } from "../quantity/quantity.ts";
import type { LimitRange, LimitRangeItem } from "../schema/kubernetes.d.ts";
import { readQuantity, validateContainerResourceName, validateResourceQuantity } from "./resource-validation.ts";

const TYPES = ["Pod", "Container", "PersistentVolumeClaim"];
const PARTS = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const;
type Part = (typeof PARTS)[number];

/** Pairs that must not be in this order: [lower, higher, the field at fault, the words]. */
const ORDERS: readonly [Part, Part, Part, string, string][] = [
	["min", "max", "min", "min value", "max value"],
	["min", "defaultRequest", "defaultRequest", "min value", "default request value"],
	["defaultRequest", "max", "defaultRequest", "default request value", "max value"],
	["defaultRequest", "default", "defaultRequest", "default request value", "default limit value"],
	["min", "default", "default", "min value", "default value"],
	["default", "max", "default", "default value", "max value"],
];

function validateAmounts(item: LimitRangeItem, resource: string, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const amounts: Partial<Record<Part, Quantity>> = {};
	for (const part of PARTS) {
		const text = item[part]?.[resource];
		if (text !== undefined) amounts[part] = readQuantity(text, `${path}.${part}[${resource}]`, errors);
	}
	for (const [low, high, at, lowName, highName] of ORDERS) {
		const a = amounts[low];
		const b = amounts[high];
		if (!a || !b || compareQuantities(a, b) <= 0) continue;
		errors.push(
			invalid(`${path}.${at}[${resource}]`, quantityText(amounts[at] ?? a), `${lowName} ${quantityText(a)} is greater than ${highName} ${quantityText(b)}`),
		);
	}
	const ratio = amounts.maxLimitRequestRatio;
	if (ratio && compareQuantities(ratio, quantityOf(1)) < 0) {
		errors.push(invalid(`${path}.maxLimitRequestRatio[${resource}]`, quantityText(ratio), `ratio ${quantityText(ratio)} is less than 1`));
	}
	return errors;
}

function validateType(item: LimitRangeItem, path: string): FieldError[] {
	const type = item.type ?? "";
	const errors = qualifiedName(type).map((problem) => invalid(`${path}.type`, type, problem));
	if (errors.length === 0 && !type.includes("/") && !TYPES.includes(type)) {
		errors.push(invalid(`${path}.type`, type, "must be a standard limit type or fully qualified"));
	}
	if (type === "Pod") {
		for (const field of ["default", "defaultRequest"] as const) {
			if (Object.keys(item[field] ?? {}).length > 0) errors.push(forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
		}
	}
	if (type === "PersistentVolumeClaim" && item.min?.storage === undefined && item.max?.storage === undefined) {
		errors.push(required(`${path}.limits`, "either minimum or maximum storage value is required, but neither was provided"));
	}
	return errors;
}

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
	const errors: FieldError[] = [];
	const types = new Set<string>();
	for (const [index, item] of (spec?.limits ?? []).entries()) {
		const path = `spec.limits[${index}]`;
		errors.push(...validateType(item, path));
		if (types.has(item.type)) errors.push(duplicate(`${path}.type`, item.type));
		types.add(item.type);
		const resources = new Set(PARTS.flatMap((part) => Object.keys(item[part] ?? {})));
		for (const part of PARTS) {
			for (const [name, value] of Object.entries(item[part] ?? {})) {
				const at = `${path}.${part}[${name}]`;
				if (item.type === "Pod" || item.type === "Container") errors.push(...validateContainerResourceName(name, at));
				errors.push(...validateResourceQuantity(name, value, at));
			}
		}
		if (errors.length === 0) for (const resource of resources) errors.push(...validateAmounts(item, resource, path));
	}
	return errors;
}
