/** Rules that the kinds of dynamic resource allocation (DRA) share: pkg/apis/resource/validation. CEL is checked where it is compiled. */
import { duplicate, type FieldError, invalid, notSupported, required, tooLong, tooMany } from "../errors/field-error.ts";
import { byteLength, cIdentifier, dns1123Label, dns1123Subdomain, labelValue } from "../meta/name-rules.ts";
import { validateLabelName } from "../meta/object-meta-validation.ts";
import type { DeviceConfiguration, DeviceSelector, DeviceToleration } from "../schema/kubernetes.d.ts";
import { validateDriverName } from "./storage-class-validation.ts";

export const DEVICE_GROUP = "resource.k8s.io";
export const TAINT_EFFECTS = ["NoExecute", "NoSchedule", "None"];
export const CONFIGURATIONS_MAX = 32;
const SELECTORS_MAX = 32;
const EXPRESSION_BYTES_MAX = 10 * 1024;
const PARAMETERS_BYTES_MAX = 10 * 1024;
const POOL_NAME_BYTES_MAX = 253;
const IDENTIFIER_BYTES_MAX = 32;
const BINDING_CONDITIONS_MAX = 4;
const OPERATORS = ["Equal", "Exists"];

/** The items of a list in order, unless there are too many of them: then only that is said. */
export function validateEach<T>(list: readonly T[] | undefined, max: number, path: string, rule: (item: T, path: string) => FieldError[]): FieldError[] {
	const items = list ?? [];
	if (items.length > max) return [tooMany(path, items.length, max)];
	return items.flatMap((item, index) => rule(item, `${path}[${index}]`));
}

/** validateEach for a list in which no key comes twice. */
export function validateSet<T>(
	list: readonly T[] | undefined,
	max: number,
	path: string,
	rule: (item: T, path: string) => FieldError[],
	key: (item: T) => string,
): FieldError[] {
	const errors = validateEach(list, max, path, rule);
	const keys = (list ?? []).map(key);
	if (keys.length > max) return errors;
	return [...errors, ...keys.flatMap((name, index) => (keys.indexOf(name) < index ? [duplicate(`${path}[${index}]`, name)] : []))];
}

/** The entries of a map; what is wrong with a key is said of the map itself. */
export function validateEntries<T>(
	map: Record<string, T> | undefined,
	max: number,
	path: string,
	keyRule: (key: string, path: string) => FieldError[],
	rule: (item: T, path: string) => FieldError[],
): FieldError[] {
	const entries = Object.entries(map ?? {});
	if (entries.length > max) return [tooMany(path, entries.length, max)];
	return entries.flatMap(([key, item]) => [...keyRule(key, path), ...rule(item, `${path}[${key}]`)]);
}

export const validateLabel = (name: string | undefined, path: string): FieldError[] =>
	dns1123Label(name ?? "").map((problem) => invalid(path, name ?? "", problem));

/** Subdomains with slashes between them. */
export function validatePoolName(name: string | undefined, path: string): FieldError[] {
	if (!name) return [required(path)];
	const errors = byteLength(name) > POOL_NAME_BYTES_MAX ? [tooLong(path, POOL_NAME_BYTES_MAX)] : [];
	return [...errors, ...name.split("/").flatMap((part) => dns1123Subdomain(part).map((problem) => invalid(path, part, problem)))];
}

function validateIdentifier(id: string, path: string): FieldError[] {
	const errors = byteLength(id) > IDENTIFIER_BYTES_MAX ? [tooLong(path, IDENTIFIER_BYTES_MAX)] : [];
	return [...errors, ...cIdentifier(id).map((problem) => invalid(path, id, problem))];
}

/** The name of an attribute or a capacity: a C identifier, behind the driver's domain where it has one. */
export function validateQualifiedName(name: string, path: string): FieldError[] {
	const [first = "", second, ...more] = name.split("/");
	if (second === undefined) return validateIdentifier(first, path);
	if (more.length > 0) return [];
	return [
		...(first === "" ? [invalid(path, "", "the domain must not be empty")] : validateDriverName(first, path)),
		...(second === "" ? [invalid(path, "", "the name must not be empty")] : validateIdentifier(second, path)),
	];
}

export function validateFullyQualifiedName(name: string, path: string): FieldError[] {
	const errors = validateQualifiedName(name, path);
	return name.includes("/") ? errors : [...errors, invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash")];
}

export const validateSelectors = (selectors: readonly DeviceSelector[] | undefined, path: string): FieldError[] =>
	validateEach(selectors, SELECTORS_MAX, path, ({ cel }, at) => {
		if (!cel) return [required(`${at}.cel`)];
		return byteLength(cel.expression ?? "") > EXPRESSION_BYTES_MAX ? [tooLong(`${at}.cel.expression`, EXPRESSION_BYTES_MAX)] : [];
	});

/** An object of whatever the driver understands (validateRawExtension). */
export function validateRawObject(value: unknown, path: string): FieldError[] {
	if (value === undefined || value === null) return [required(path)];
	if (byteLength(JSON.stringify(value)) > PARAMETERS_BYTES_MAX) return [tooLong(path, PARAMETERS_BYTES_MAX)];
	return typeof value === "object" && !Array.isArray(value) ? [] : [invalid(path, "<value omitted>", "must be a valid JSON object")];
}

export function validateConfiguration({ opaque }: DeviceConfiguration, path: string): FieldError[] {
	if (!opaque) return [required(`${path}.opaque`)];
	return [...validateDriverName(opaque.driver, `${path}.opaque.driver`), ...validateRawObject(opaque.parameters, `${path}.opaque.parameters`)];
}

export function validateToleration({ key, operator, value = "", effect }: DeviceToleration, path: string): FieldError[] {
	const errors = key ? validateLabelName(key, `${path}.key`) : [];
	if (!operator) errors.push(required(`${path}.operator`));
	else if (!OPERATORS.includes(operator)) errors.push(notSupported(`${path}.operator`, operator, OPERATORS));
	else if (operator === "Equal") for (const problem of labelValue(value)) errors.push(invalid(`${path}.value`, value, problem));
	else if (value !== "") errors.push(invalid(`${path}.value`, value, "must be empty for operator `Exists`"));
	if (effect && !TAINT_EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, TAINT_EFFECTS));
	return errors;
}

/** What a device waits for before pods are bound, and what ends the wait: both or neither, and nothing twice. */
export function validateBinding(
	{ bindingConditions: waits = [], bindingFailureConditions: failures = [] }: { bindingConditions?: string[]; bindingFailureConditions?: string[] },
	path: string,
): FieldError[] {
	const [waitsAt, failuresAt] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`];
	const overlap = "bindingFailureConditions must not overlap with bindingConditions";
	const errors = [
		...validateSet(waits, BINDING_CONDITIONS_MAX, waitsAt, validateLabelName, (name) => name),
		...validateSet(failures, BINDING_CONDITIONS_MAX, failuresAt, validateLabelName, (name) => name),
		...failures.flatMap((name, index) => (waits.includes(name) ? [invalid(`${failuresAt}[${index}]`, name, overlap)] : [])),
	];
	if (waits.length === 0 && failures.length > 0) errors.push(invalid(waitsAt, waits, "bindingConditions are required to use bindingFailureConditions"));
	if (failures.length === 0 && waits.length > 0) {
		errors.push(invalid(failuresAt, failures, "bindingFailureConditions are required to use bindingConditions"));
	}
	return errors;
}
