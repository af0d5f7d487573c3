/** Rules of a PersistentVolumeClaim: ValidatePersistentVolumeClaimSpec of pkg/apis/core/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label, dns1123Subdomain } from "../meta/name-rules.ts";
import { compareQuantities, type Quantity } from "../quantity/quantity.ts";
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedObjectReference } from "../schema/kubernetes.d.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { changedPaths } from "./object-difference.ts";
import { validateWith } from "./object-reference-validation.ts";
import { readQuantity } from "./resource-validation.ts";
import { validateAccessModes, validateSize, VOLUME_MODES } from "./storage-access.ts";

function validateDataSource(source: TypedObjectReference, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!source.name) errors.push(required(`${path}.name`));
	if (!source.kind) errors.push(required(`${path}.kind`));
	const group = source.apiGroup ?? "";
	if (group === "" && source.kind !== "PersistentVolumeClaim") {
		errors.push(invalid(path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
	}
	return [...errors, ...validateWith(dns1123Subdomain, group, `${path}.apiGroup`), ...validateWith(dns1123Label, source.namespace, `${path}.namespace`)];
}

function validateDataSources({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec, path: string): FieldError[] {
	const errors = [
		...(dataSource ? validateDataSource(dataSource, `${path}.dataSource`) : []),
		...(dataSourceRef ? validateDataSource(dataSourceRef, `${path}.dataSourceRef`) : []),
	];
	if (!dataSource || !dataSourceRef) return errors;
	if (dataSourceRef.namespace) errors.push(invalid(path, `${path}.dataSource`, "may not be specified when dataSourceRef.namespace is specified"));
	else if (!semanticEqual(dataSource, dataSourceRef)) errors.push(invalid(path, `${path}.dataSource`, "must match dataSourceRef"));
	return errors;
}

/** The spec of a claim, or of one that a template makes. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string): FieldError[] {
	const at = `${path}.resources[storage]`;
	const size = spec.resources?.requests?.storage;
	const mode = spec.volumeMode;
	return [
		...validateAccessModes(spec.accessModes, `${path}.accessModes`, "at least 1 access mode is required"),
		...validateLabelSelector(spec.selector, `${path}.selector`),
		...(size === undefined ? [required(at)] : validateSize(size, at)),
		...validateWith(dns1123Subdomain, spec.storageClassName, `${path}.storageClassName`),
		...(mode === undefined || VOLUME_MODES.includes(mode) ? [] : [notSupported(`${path}.volumeMode`, mode, VOLUME_MODES)]),
		...validateDataSources(spec, path),
		...validateWith(dns1123Subdomain, spec.volumeAttributesClassName, `${path}.volumeAttributesClassName`),
	];
}

export const validatePersistentVolumeClaim = ({ spec = {} }: PersistentVolumeClaim): FieldError[] => validateClaimSpec(spec, "spec");

function sizeOf(text: string | undefined): Quantity | undefined {
	return text === undefined ? undefined : readQuantity(text, "", []);
}

/** A claim grows, and shrinks back at most to above what it holds. */
function validateResize(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
	const wanted = sizeOf(next.spec?.resources?.requests?.storage);
	const before = sizeOf(old.spec?.resources?.requests?.storage);
	if (!wanted || !before || compareQuantities(wanted, before) >= 0) return [];
	const held = sizeOf(old.status?.capacity?.storage);
	if (held && compareQuantities(wanted, held) > 0) return [];
	return [forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")];
}

function validateAttributesClass(next: string | undefined, old: string | undefined): FieldError[] {
	const path = "spec.volumeAttributesClassName";
	if (next === old || old === undefined) return [];
	if (next === undefined) return [forbidden(path, "update from non-nil value to nil is forbidden")];
	return next === "" ? [forbidden(path, "update from non-nil value to an empty string is forbidden")] : [];
}

/** The spec without what may change: the binding once, the size of what is bound, the class of attributes. */
function fixedPart(claim: PersistentVolumeClaim, unbound: boolean, bound: boolean): unknown {
	const { volumeName, volumeAttributesClassName, resources, ...rest } = claim.spec ?? {};
	const { storage, ...requests } = resources?.requests ?? {};
	return { ...rest, volumeName: unbound ? undefined : volumeName, resources: { ...resources, requests: bound ? requests : resources?.requests } };
}

export function validatePersistentVolumeClaimUpdate(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
	const errors: FieldError[] = [];
	const unbound = !old.spec?.volumeName;
	const bound = next.status?.phase === "Bound";
	const [before, after] = [fixedPart(old, unbound, bound), fixedPart(next, unbound, bound)];
	if (!semanticEqual(before, after)) {
		const why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
		errors.push(forbidden("spec", `${why}\n${changedPaths(before, after, "spec")}`));
	}
	errors.push(...validateResize(next, old));
	errors.push(...validateImmutable(next.spec?.volumeMode, old.spec?.volumeMode, "volumeMode"));
	return [...errors, ...validateAttributesClass(next.spec?.volumeAttributesClassName, old.spec?.volumeAttributesClassName)];
}

export function validatePersistentVolumeClaimStatus({ spec, status }: PersistentVolumeClaim): FieldError[] {
	const errors = spec?.accessModes?.length ? [] : [required("Spec.accessModes")];
	for (const [name, text] of Object.entries(status?.capacity ?? {})) {
		const path = `status.capacity[${name}]`;
		const amount = readQuantity(text, path, errors);
		if (amount && amount.nano < 0n) errors.push(invalid(path, text, "must be a valid resource quantity"));
	}
	return errors;
}
