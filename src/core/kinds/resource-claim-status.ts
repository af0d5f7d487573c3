/** Rules of a ResourceClaim's status: validateResourceClaimStatusUpdate of pkg/apis/resource/validation. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required, tooLong, tooMany } from "../errors/field-error.ts";
import { cidr } from "../meta/address.ts";
import { semanticEqual } from "../meta/equality.ts";
import { byteLength } from "../meta/name-rules.ts";
import type {
	AllocatedDeviceStatus,
	AllocationResult,
	DeviceAllocationConfiguration,
	DeviceRequestAllocationResult,
	NetworkDeviceData,
	ResourceClaimConsumerReference,
	ResourceV1ResourceClaim,
} from "../schema/kubernetes.d.ts";
import { validateConditions } from "./condition-validation.ts";
import { type RequestNames, requestNamesOf, validateRequestReference, validateRequestReferences } from "./device-claim-validation.ts";
import {
	CONFIGURATIONS_MAX,
	validateBinding,
	validateConfiguration,
	validateEach,
	validateLabel,
	validatePoolName,
	validateRawObject,
	validateSet,
	validateToleration,
} from "./device-rules.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateNodeSelector } from "./scheduling-validation.ts";
import { validateDriverName } from "./storage-class-validation.ts";

const RESERVATIONS_MAX = 256;
const RESULTS_MAX = 32;
const CONDITIONS_MAX = 8;
const INTERFACE_NAME_BYTES_MAX = 256;
const HARDWARE_ADDRESS_BYTES_MAX = 128;
const ADDRESSES_MAX = 16;
const SOURCES = ["FromClaim", "FromClass"];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const UUID_FORM = "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters";

interface DeviceId {
	driver: string;
	pool: string;
	device: string;
	shareID?: string;
}

const deviceKey = ({ driver, pool, device, shareID }: DeviceId): string => [driver, pool, device, ...(shareID ? [shareID] : [])].join("/");

const validateDeviceId = ({ driver, pool, device, shareID }: DeviceId, path: string): FieldError[] => [
	...validateDriverName(driver, `${path}.driver`),
	...validatePoolName(pool, `${path}.pool`),
	...validateLabel(device, `${path}.device`),
	...(shareID === undefined || UUID.test(shareID) ? [] : [invalid(`${path}.shareID`, shareID, UUID_FORM)]),
];

const validateConsumer = (consumer: ResourceClaimConsumerReference, path: string): FieldError[] =>
	(["resource", "name", "uid"] as const).flatMap((field) => (consumer[field] ? [] : [required(`${path}.${field}`)]));

const validateResult = (result: DeviceRequestAllocationResult, path: string, has: RequestNames): FieldError[] => [
	...validateRequestReference(result.request ?? "", `${path}.request`, has),
	...validateDeviceId(result, path),
	...validateBinding(result, path),
	...(result.tolerations ?? []).flatMap((toleration, index) => validateToleration(toleration, `${path}.tolerations[${index}]`)),
];

function validateAllocatedConfiguration(config: DeviceAllocationConfiguration, path: string, has: RequestNames): FieldError[] {
	const { source } = config;
	const errors = source ? [] : [required(`${path}.source`)];
	if (source && !SOURCES.includes(source)) errors.push(notSupported(`${path}.source`, source, SOURCES));
	return [...errors, ...validateRequestReferences(config.requests, `${path}.requests`, has), ...validateConfiguration(config, path)];
}

/** Results and configurations of class and claim together. */
function validateAllocation({ devices = {}, nodeSelector }: AllocationResult, has: RequestNames): FieldError[] {
	const path = "status.allocation";
	return [
		...validateEach(devices.results, RESULTS_MAX, `${path}.devices.results`, (result, at) => validateResult(result, at, has)),
		...validateEach(devices.config, 2 * CONFIGURATIONS_MAX, `${path}.devices.config`, (config, at) => validateAllocatedConfiguration(config, at, has)),
		...(nodeSelector ? validateNodeSelector(nodeSelector, `${path}.nodeSelector`) : []),
	];
}

function validateNetworkData({ interfaceName = "", hardwareAddress = "", ips }: NetworkDeviceData, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (byteLength(interfaceName) > INTERFACE_NAME_BYTES_MAX) errors.push(tooLong(`${path}.interfaceName`, INTERFACE_NAME_BYTES_MAX));
	if (byteLength(hardwareAddress) > HARDWARE_ADDRESS_BYTES_MAX) errors.push(tooLong(`${path}.hardwareAddress`, HARDWARE_ADDRESS_BYTES_MAX));
	const address = (text: string, at: string) =>
		cidr(text).length > 0 ? [invalid(at, text, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")] : [];
	return [...errors, ...validateSet(ips, ADDRESSES_MAX, `${path}.ips`, address, (text) => text)];
}

function validateDevice(device: AllocatedDeviceStatus, path: string, allocated: ReadonlySet<string>): FieldError[] {
	const { data, networkData } = device;
	const conditions = device.conditions ?? [];
	const errors = validateDeviceId(device, path);
	if (!allocated.has(deviceKey(device))) errors.push(invalid(path, deviceKey(device), "must be an allocated device in the claim"));
	if (conditions.length > CONDITIONS_MAX) errors.push(tooMany(`${path}.conditions`, conditions.length, CONDITIONS_MAX));
	errors.push(...validateConditions(conditions, `${path}.conditions`));
	if (data !== undefined) errors.push(...validateRawObject(data, `${path}.data`));
	return networkData ? [...errors, ...validateNetworkData(networkData, `${path}.networkData`)] : errors;
}

function validateDevices({ status }: ResourceV1ResourceClaim): FieldError[] {
	const devices = status?.devices ?? [];
	const allocated = new Set((status?.allocation?.devices?.results ?? []).map(deviceKey));
	const keys = devices.map(deviceKey);
	return devices.flatMap((device, index) => {
		const path = `status.devices[${index}]`;
		const key = deviceKey(device);
		return [...validateDevice(device, path, allocated), ...(keys.indexOf(key) < index ? [duplicate(path, key)] : [])];
	});
}

/** Only an allocated claim is reserved, and one that is going is reserved no more. */
function validateReservations(next: ResourceV1ResourceClaim, old: ResourceV1ResourceClaim): FieldError[] {
	const path = "status.reservedFor";
	const reservations = next.status?.reservedFor ?? [];
	const errors = validateSet(reservations, RESERVATIONS_MAX, path, validateConsumer, ({ uid }) => uid);
	if (reservations.length === 0) return errors;
	if (!next.status?.allocation) return [...errors, forbidden(path, "may not be specified when `allocated` is not set")];
	const before = old.status?.reservedFor ?? [];
	const added = reservations.some((consumer) => !before.some((earlier) => semanticEqual(earlier, consumer)));
	if (!next.metadata.deletionTimestamp || !added) return errors;
	return [...errors, forbidden(path, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set")];
}

export function validateResourceClaimStatus(next: ResourceV1ResourceClaim, old: ResourceV1ResourceClaim): FieldError[] {
	const errors = [...validateReservations(next, old), ...validateDevices(next)];
	const allocation = next.status?.allocation;
	if (!allocation) return errors;
	if (old.status?.allocation) return [...errors, ...validateImmutable(allocation, old.status.allocation, "status.allocation")];
	return [...errors, ...validateAllocation(allocation, requestNamesOf(next.spec.devices))];
}
