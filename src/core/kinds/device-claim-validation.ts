/** Rules of what a ResourceClaim asks for: validateDeviceClaim of pkg/apis/resource/validation. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { dns1123Subdomain } from "../meta/name-rules.ts";
import type { DeviceClaim, DeviceConstraint, DeviceRequest, DeviceSubRequest, ExactDeviceRequest, ResourceClaimSpec } from "../schema/kubernetes.d.ts";
import {
	CONFIGURATIONS_MAX,
	validateConfiguration,
	validateEach,
	validateFullyQualifiedName,
	validateLabel,
	validateSelectors,
	validateSet,
	validateToleration,
} from "./device-rules.ts";

const REQUESTS_MAX = 32;
const CONSTRAINTS_MAX = 32;
const SUBREQUESTS_MAX = 8;
const MODES = ["All", "ExactCount"];
const ONE_REQUEST = "exactly one of `exactly` or `firstAvailable` is required";
const REQUEST_REFERENCE = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/** Whether the text names a request of the claim, or one of its alternatives as "request/alternative". */
export type RequestNames = (name: string) => boolean;

/** SetDefaults_ExactDeviceRequest and SetDefaults_DeviceSubRequest: one device, unless all are asked for. */
export function defaultClaimSpec(spec: ResourceClaimSpec | undefined): void {
	for (const request of spec?.devices?.requests ?? []) {
		for (const asked of [request.exactly, ...(request.firstAvailable ?? [])]) {
			if (!asked) continue;
			asked.allocationMode ||= "ExactCount";
			if (asked.allocationMode === "ExactCount") asked.count ||= 1;
		}
	}
}

export function requestNamesOf(claim: DeviceClaim | undefined): RequestNames {
	const names = new Set<string>();
	for (const { name, firstAvailable } of claim?.requests ?? []) {
		names.add(name);
		for (const alternative of firstAvailable ?? []) names.add(`${name}/${alternative.name}`);
	}
	return (name) => names.has(name);
}

/** validateRequestNameRef. */
export function validateRequestReference(name: string, path: string, has: RequestNames): FieldError[] {
	const segments = name.split("/");
	if (segments.length > 2) return [invalid(path, name, REQUEST_REFERENCE)];
	const errors = segments.flatMap((segment) => validateLabel(segment, path));
	return has(name) ? errors : [...errors, invalid(path, name, REQUEST_REFERENCE)];
}

/** A list of references to requests, none twice. */
export const validateRequestReferences = (names: readonly string[] | undefined, path: string, has: RequestNames): FieldError[] =>
	validateSet(
		names,
		REQUESTS_MAX,
		path,
		(name, at) => validateRequestReference(name, at, has),
		(name) => name,
	);

function validateAsked(asked: ExactDeviceRequest | DeviceSubRequest, path: string): FieldError[] {
	const { deviceClassName: name, allocationMode: mode = "", count = 0, tolerations = [] } = asked;
	const errors = name ? dns1123Subdomain(name).map((problem) => invalid(`${path}.deviceClassName`, name, problem)) : [required(`${path}.deviceClassName`)];
	errors.push(...validateSelectors(asked.selectors, `${path}.selectors`));
	if (mode === "All") {
		if (count !== 0) errors.push(invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'"));
	} else if (mode === "ExactCount") {
		if (count <= 0) errors.push(invalid(`${path}.count`, count, "must be greater than zero"));
	} else errors.push(notSupported(`${path}.allocationMode`, mode, MODES));
	return [...errors, ...tolerations.flatMap((toleration, index) => validateToleration(toleration, `${path}.tolerations[${index}]`))];
}

function validateRequest({ name, exactly, firstAvailable = [] }: DeviceRequest, path: string): FieldError[] {
	const errors = validateLabel(name, `${path}.name`);
	if (!exactly && firstAvailable.length === 0) return [...errors, required(path, ONE_REQUEST)];
	if (exactly && firstAvailable.length > 0) return [...errors, invalid(path, null, `${ONE_REQUEST}, but multiple fields are set`)];
	if (exactly) return [...errors, ...validateAsked(exactly, `${path}.exactly`)];
	const alternative = (asked: DeviceSubRequest, at: string) => [...validateLabel(asked.name, `${at}.name`), ...validateAsked(asked, at)];
	return [...errors, ...validateSet(firstAvailable, SUBREQUESTS_MAX, `${path}.firstAvailable`, alternative, (asked) => asked.name)];
}

function validateConstraint({ requests, matchAttribute, distinctAttribute }: DeviceConstraint, path: string, has: RequestNames): FieldError[] {
	const errors = validateRequestReferences(requests, `${path}.requests`, has);
	if (matchAttribute !== undefined) return [...errors, ...validateFullyQualifiedName(matchAttribute, `${path}.matchAttribute`)];
	if (distinctAttribute !== undefined) return [...errors, ...validateFullyQualifiedName(distinctAttribute, `${path}.distinctAttribute`)];
	return [...errors, required(path, 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set')];
}

export function validateClaimSpec({ devices = {} }: ResourceClaimSpec, path: string): FieldError[] {
	const has = requestNamesOf(devices);
	const at = `${path}.devices`;
	return [
		...validateSet(devices.requests, REQUESTS_MAX, `${at}.requests`, validateRequest, ({ name }) => name),
		...validateEach(devices.constraints, CONSTRAINTS_MAX, `${at}.constraints`, (constraint, where) => validateConstraint(constraint, where, has)),
		...validateEach(devices.config, CONFIGURATIONS_MAX, `${at}.config`, (config, where) => [
			...validateRequestReferences(config.requests, `${where}.requests`, has),
			...validateConfiguration(config, where),
		]),
	];
}
