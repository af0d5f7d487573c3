/** Rules of a ResourceSlice: validateResourceSliceSpec of pkg/apis/resource/validation. */
import { type FieldError, invalid, notFoundField, notSupported, required, tooLong } from "../errors/field-error.ts";
import { byteLength, dns1123Subdomain, labelValue } from "../meta/name-rules.ts";
import { validateLabelName } from "../meta/object-meta-validation.ts";
import type {
	Counter,
	CounterSet,
	Device,
	DeviceAttribute,
	DeviceCounterConsumption,
	DeviceTaint,
	NodeAllocatableResourceMapping,
	NodeSelector,
	ResourceSlice,
	ResourceSliceSpec,
} from "../schema/kubernetes.d.ts";
import { validateCapacities } from "./device-capacity-validation.ts";
import {
	TAINT_EFFECTS,
	validateBinding,
	validateEach,
	validateEntries,
	validateLabel,
	validatePoolName,
	validateQualifiedName,
	validateSet,
} from "./device-rules.ts";
import { validateImmutable } from "./immutable-field.ts";
import { isExtendedResource, readQuantity } from "./resource-validation.ts";
import { validateNodeSelector } from "./scheduling-validation.ts";
import { validateDriverName } from "./storage-class-validation.ts";

const DEVICES_MAX = 128;
/** Where a device has taints, consumes counters or has lists for attributes. */
const COSTLY_DEVICES_MAX = 64;
const COUNTER_SETS_MAX = 8;
const COUNTERS_MAX = 32;
const CONSUMPTIONS_MAX = 2;
const PROPERTIES_MAX = 32;
const TAINTS_MAX = 16;
const VALUE_BYTES_MAX = 64;
const SCALARS = ["bool", "int", "string", "version"] as const;
const LISTS = ["bools", "ints", "strings", "versions"] as const;
const SEMVER =
	/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;
const SLICE_NODES = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
const DEVICE_NODES =
	"exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
const NOT_PER_DEVICE = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec";

function validateText(text: string, path: string): FieldError[] {
	return byteLength(text) > VALUE_BYTES_MAX ? [tooLong(path, VALUE_BYTES_MAX)] : [];
}

function validateVersion(text: string, path: string): FieldError[] {
	const errors = SEMVER.test(text) ? [] : [invalid(path, text, "must be a string compatible with semver.org spec 2.0.0")];
	return [...errors, ...validateText(text, path)];
}

function validateAttribute(attribute: DeviceAttribute, path: string): FieldError[] {
	const { string, version, strings = [], versions = [] } = attribute;
	const errors = [
		...(string === undefined ? [] : validateText(string, `${path}.string`)),
		...(version === undefined ? [] : validateVersion(version, `${path}.version`)),
		...strings.flatMap((text, index) => validateText(text, `${path}.strings[${index}]`)),
		...versions.flatMap((text, index) => validateVersion(text, `${path}.versions[${index}]`)),
	];
	for (const field of LISTS) if (attribute[field]?.length === 0) errors.push(invalid(`${path}.${field}`, [], "must not be empty if specified"));
	const set = [...SCALARS, ...LISTS].filter((field) => attribute[field] !== undefined).length;
	return set === 1 ? errors : [...errors, invalid(path, set === 0 ? "" : attribute, "exactly one value must be specified")];
}

function validateTaint({ key, value, effect }: DeviceTaint, path: string): FieldError[] {
	const errors = validateLabelName(key ?? "", `${path}.key`);
	if (value) for (const problem of labelValue(value)) errors.push(invalid(`${path}.value`, value, problem));
	if (!effect) errors.push(required(`${path}.effect`));
	else if (!TAINT_EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, TAINT_EFFECTS));
	return errors;
}

function validateCounters(name: string | undefined, nameField: string, counters: Record<string, Counter> | undefined, path: string): FieldError[] {
	const errors = name ? validateLabel(name, `${path}.${nameField}`) : [required(`${path}.${nameField}`)];
	if (Object.keys(counters ?? {}).length === 0) return [...errors, required(`${path}.counters`)];
	return [...errors, ...validateEntries(counters, COUNTERS_MAX, `${path}.counters`, validateLabel, () => [])];
}

const validateCounterSet = ({ name, counters }: CounterSet, path: string): FieldError[] => validateCounters(name, "name", counters, path);
const validateConsumption = ({ counterSet, counters }: DeviceCounterConsumption, path: string): FieldError[] =>
	validateCounters(counterSet, "counterSet", counters, path);

interface NodeChoice {
	nodeName?: string;
	nodeSelector?: NodeSelector;
	allNodes?: boolean;
}

/** The fields that say on which nodes something is, and what is wrong with each. */
function nodeChoice(choice: NodeChoice, path: string, emptyName: string): { set: string[]; errors: FieldError[] } {
	const set: string[] = [];
	const errors: FieldError[] = [];
	const { nodeName, nodeSelector, allNodes } = choice;
	if (nodeName) {
		set.push("`nodeName`");
		errors.push(...dns1123Subdomain(nodeName).map((problem) => invalid(`${path}.nodeName`, nodeName, problem)));
	} else if (nodeName === "") errors.push(invalid(`${path}.nodeName`, nodeName, emptyName));
	if (nodeSelector) {
		set.push("`nodeSelector`");
		errors.push(...validateNodeSelector(nodeSelector, `${path}.nodeSelector`));
	}
	if (allNodes) set.push("`allNodes`");
	else if (allNodes === false) errors.push(invalid(`${path}.allNodes`, allNodes, "must be either unset or set to true"));
	return { set, errors };
}

function validateDeviceNodes(device: Device, perDevice: boolean, path: string): FieldError[] {
	if (!perDevice) {
		const none = device.nodeName === undefined && device.nodeSelector === undefined && device.allNodes === undefined;
		return none ? [] : [invalid(path, null, NOT_PER_DEVICE)];
	}
	const { set, errors } = nodeChoice(device, path, "must not be empty");
	if (set.length === 0) errors.push(required(path, DEVICE_NODES));
	else if (set.length > 1) errors.push(invalid(path, `{${set.join(", ")}}`, DEVICE_NODES));
	return errors;
}

function validateMapping(name: string, mapping: NodeAllocatableResourceMapping, device: Device, path: string): FieldError[] {
	const { allocationMultiplier: multiplier, capacityKey } = mapping;
	const errors: FieldError[] = [];
	if (name.includes("/") && isExtendedResource(name)) errors.push(invalid(path, name, "must be a node allocatable resource name"));
	if (multiplier === undefined && capacityKey === undefined) {
		return [...errors, invalid(path, "", "at least one of allocationMultiplier or capacityKey must be set")];
	}
	const amount = multiplier === undefined ? undefined : readQuantity(multiplier, `${path}.allocationMultiplier`, errors);
	if (amount && amount.nano <= 0n) errors.push(invalid(`${path}.allocationMultiplier`, multiplier, "must be positive"));
	if (capacityKey === "") errors.push(invalid(`${path}.capacityKey`, "", "capacityKey must not be an empty string"));
	else if (capacityKey !== undefined && !Object.hasOwn(device.capacity ?? {}, capacityKey)) errors.push(notFoundField(`${path}.capacityKey`, capacityKey));
	return errors;
}

function validateDevice(device: Device, perDevice: boolean, path: string): FieldError[] {
	const errors = validateLabel(device.name, `${path}.name`);
	const properties = Object.keys(device.attributes ?? {}).length + Object.keys(device.capacity ?? {}).length;
	if (properties > PROPERTIES_MAX) errors.push(invalid(path, properties, `the total number of attributes and capacities must not exceed ${PROPERTIES_MAX}`));
	return [
		...errors,
		...validateEntries(device.attributes, Number.POSITIVE_INFINITY, `${path}.attributes`, validateQualifiedName, validateAttribute),
		...validateCapacities(device.capacity, device.allowMultipleAllocations ?? false, `${path}.capacity`),
		...validateEach(device.taints, TAINTS_MAX, `${path}.taints`, validateTaint),
		...validateSet(device.consumesCounters, CONSUMPTIONS_MAX, `${path}.consumesCounters`, validateConsumption, ({ counterSet }) => counterSet),
		...validateDeviceNodes(device, perDevice, path),
		...validateBinding(device, path),
		...Object.entries(device.nodeAllocatableResourceMappings ?? {}).flatMap(([name, mapping]) =>
			validateMapping(name, mapping, device, `${path}.nodeAllocatableResourceMappings[${name}]`),
		),
	];
}

function validateSliceNodes(spec: ResourceSliceSpec): FieldError[] {
	const { set, errors } = nodeChoice(spec, "spec", "must be either unset or set to a non-empty string");
	const terms = spec.nodeSelector?.nodeSelectorTerms;
	if (spec.nodeSelector && terms?.length !== 1) {
		errors.push(invalid("spec.nodeSelector.nodeSelectorTerms", terms ?? null, "must have exactly one node selector term"));
	}
	if (spec.perDeviceNodeSelection) set.push("`perDeviceNodeSelection`");
	else if (spec.perDeviceNodeSelection === false) errors.push(invalid("spec.perDeviceNodeSelection", false, "must be either unset or set to true"));
	if (set.length === 0) errors.push(required("spec", SLICE_NODES));
	else if (set.length > 1) errors.push(invalid("spec", `{${set.join(", ")}}`, `${SLICE_NODES}, but multiple fields are set`));
	return errors;
}

const isCostly = ({ taints, consumesCounters, attributes }: Device): boolean =>
	(taints?.length ?? 0) > 0 ||
	(consumesCounters?.length ?? 0) > 0 ||
	Object.values(attributes ?? {}).some((a) => LISTS.some((field) => a[field] !== undefined));

export function validateResourceSlice({ spec }: ResourceSlice): FieldError[] {
	const { pool, devices, sharedCounters } = spec;
	const errors = [...validateDriverName(spec.driver, "spec.driver"), ...validatePoolName(pool?.name, "spec.pool.name")];
	const count = pool?.resourceSliceCount ?? 0;
	const generation = pool?.generation ?? 0;
	if (count <= 0) errors.push(invalid("spec.pool.resourceSliceCount", count, "must be greater than zero"));
	if (generation < 0) errors.push(invalid("spec.pool.generation", generation, "must be greater than or equal to zero"));
	errors.push(...validateSliceNodes(spec));
	if (sharedCounters && devices) errors.push(invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed"));
	const max = devices?.some(isCostly) ? COSTLY_DEVICES_MAX : DEVICES_MAX;
	const perDevice = spec.perDeviceNodeSelection ?? false;
	errors.push(
		...validateSet(
			devices,
			max,
			"spec.devices",
			(device, path) => validateDevice(device, perDevice, path),
			({ name }) => name,
		),
	);
	return [...errors, ...validateSet(sharedCounters, COUNTER_SETS_MAX, "spec.sharedCounters", validateCounterSet, ({ name }) => name)];
}

export const validateResourceSliceUpdate = ({ spec: next }: ResourceSlice, { spec: old }: ResourceSlice): FieldError[] => [
	...validateImmutable(next.pool.name, old.pool.name, "spec.pool.name"),
	...validateImmutable(next.driver, old.driver, "spec.driver"),
	...validateImmutable(next.nodeName, old.nodeName, "spec.nodeName"),
];
