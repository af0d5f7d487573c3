/** Rules of resource names and amounts: ValidateResourceRequirements and its kin in pkg/apis/core/validation. */
import { type FieldError, forbidden, invalid, required } from "../errors/field-error.ts";
import { NON_NEGATIVE_ERROR, qualifiedName } from "../meta/name-rules.ts";
import { compareQuantities, parseQuantity, type Quantity, quantityMilliValue, quantityText } from "../quantity/quantity.ts";
import type { ResourceRequirements } from "../schema/kubernetes.d.ts";

const HUGE_PAGES = "hugepages-";
const MILLI = 1000;
const CONTAINER_RESOURCES = ["cpu", "memory", "ephemeral-storage"];
const COUNTED_RESOURCES = [
	"pods",
	"resourcequotas",
	"services",
	"replicationcontrollers",
	"secrets",
	"persistentvolumeclaims",
	"configmaps",
	"services.nodeports",
	"services.loadbalancers",
];
const QUOTA_RESOURCES = [
	...CONTAINER_RESOURCES,
	"requests.cpu",
	"requests.memory",
	"requests.storage",
	"requests.ephemeral-storage",
	"limits.cpu",
	"limits.memory",
	"limits.ephemeral-storage",
	...COUNTED_RESOURCES,
];

/** Without a domain, or of kubernetes.io. */
const isNative = (name: string): boolean => !name.includes("/") || name.includes("kubernetes.io/");
/** Of a vendor's domain: counted in whole pieces, and never shared. */
export const isExtendedResource = (name: string): boolean => !isNative(name) && !name.startsWith("requests.") && qualifiedName(`requests.${name}`).length === 0;
const isOvercommitAllowed = (name: string): boolean => isNative(name) && !name.startsWith(HUGE_PAGES);

/** Reads an amount, or says why it is none. */
export function readQuantity(text: string, path: string, errors: FieldError[]): Quantity | undefined {
	try {
		return parseQuantity(String(text));
	} catch (error) {
		errors.push(invalid(path, text, error instanceof Error ? error.message : String(error)));
		return undefined;
	}
}

export function validateContainerResourceName(name: string, path: string): FieldError[] {
	const errors = qualifiedName(name).map((problem) => invalid(path, name, problem));
	if (errors.length > 0) return errors;
	if (!name.includes("/")) {
		const standard = CONTAINER_RESOURCES.includes(name) || name.startsWith(HUGE_PAGES);
		return standard ? [] : [invalid(path, name, "must be a standard resource for containers")];
	}
	return isNative(name) || isExtendedResource(name) ? [] : [invalid(path, name, "doesn't follow extended resource name standard")];
}

/** Not negative, and whole where the resource comes in pieces. */
export function validateResourceQuantity(name: string, text: string, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const quantity = readQuantity(text, path, errors);
	if (!quantity) return errors;
	if (quantity.nano < 0n) errors.push(invalid(path, quantityText(quantity), NON_NEGATIVE_ERROR));
	const counted = isExtendedResource(name) || COUNTED_RESOURCES.includes(name) || name.startsWith("count/");
	if (counted && quantityMilliValue(quantity) % MILLI !== 0) errors.push(invalid(path, quantityText(quantity), "must be an integer"));
	return errors;
}

export function validateQuotaResource(name: string, value: string, path: string): FieldError[] {
	const errors = qualifiedName(name).map((problem) => invalid(path, name, problem));
	const standard = QUOTA_RESOURCES.includes(name) || name.startsWith(HUGE_PAGES) || name.startsWith(`requests.${HUGE_PAGES}`);
	if (!name.includes("/") && !standard) errors.push(invalid(path, name, "must be a standard resource for quota"));
	return [...errors, ...validateResourceQuantity(name, value, path)];
}

/** ValidateContainerResourceRequirements: names, amounts, and requests within limits. */
export function validateResourceRequirements(resources: ResourceRequirements | undefined, path: string): FieldError[] {
	if (!resources) return [];
	const { limits = {}, requests = {} } = resources;
	const errors: FieldError[] = [];
	for (const [field, list] of [
		["limits", limits],
		["requests", requests],
	] as const) {
		for (const [name, value] of Object.entries(list)) {
			const at = `${path}.${field}[${name}]`;
			errors.push(...validateContainerResourceName(name, at), ...validateResourceQuantity(name, value, at));
		}
	}
	for (const [name, value] of Object.entries(requests)) errors.push(...requestWithinLimit(name, value, limits[name], path));
	const names = Object.keys({ ...limits, ...requests });
	if (names.some((name) => name.startsWith(HUGE_PAGES)) && !names.includes("cpu") && !names.includes("memory")) {
		errors.push(forbidden(path, "HugePages require cpu or memory"));
	}
	return errors;
}

function requestWithinLimit(name: string, value: string, limit: string | undefined, path: string): FieldError[] {
	if (limit === undefined) {
		return isOvercommitAllowed(name) ? [] : [required(`${path}.limits`, "Limit must be set for non overcommitable resources")];
	}
	const ignored: FieldError[] = [];
	const amount = readQuantity(value, path, ignored);
	const most = readQuantity(limit, path, ignored);
	if (!amount || !most) return [];
	const order = compareQuantities(amount, most);
	const at = `${path}.requests`;
	if (order !== 0 && !isOvercommitAllowed(name)) return [invalid(at, quantityText(amount), `must be equal to ${name} limit of ${quantityText(most)}`)];
	return order > 0 ? [invalid(at, quantityText(amount), `must be less than or equal to ${name} limit of ${quantityText(most)}`)] : [];
}
