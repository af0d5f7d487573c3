/** What PersistentVolumes and their claims have in common: modes of access, sizes and how they are shown. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { parseQuantity, QuantityError } from "../quantity/quantity.ts";
import { readQuantity } from "./resource-validation.ts";

/** In the order in which they are shown. */
const SHORT_MODES: readonly [string, string][] = [
	["ReadWriteOnce", "RWO"],
	["ReadOnlyMany", "ROX"],
	["ReadWriteMany", "RWX"],
	["ReadWriteOncePod", "RWOP"],
];
const MODES = SHORT_MODES.map(([mode]) => mode);
const EXCLUSIVE = "ReadWriteOncePod";
export const VOLUME_MODES = ["Block", "Filesystem"];
/** The finalizers that keep volumes and claims while they are used. */
export const PV_PROTECTION = "kubernetes.io/pv-protection";
export const PVC_PROTECTION = "kubernetes.io/pvc-protection";
export const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";
export const CLASS_ANNOTATION_WARNING = 'deprecated since v1.8; use "storageClassName" attribute instead';
const NANO = 10n ** 9n;

/** GetAccessModesAsString. */
export const shownAccessModes = (modes: readonly string[] | undefined): string =>
	SHORT_MODES.filter(([mode]) => modes?.includes(mode))
		.map(([, short]) => short)
		.join(",");

export function validateAccessModes(modes: readonly string[] | undefined, path: string, missing: string): FieldError[] {
	if (!modes?.length) return [required(path, missing)];
	const errors = modes.filter((mode) => !MODES.includes(mode)).map((mode) => notSupported(path, mode, MODES));
	if (modes.includes(EXCLUSIVE) && modes.some((mode) => mode !== EXCLUSIVE)) {
		errors.push(forbidden(path, `may not use ${EXCLUSIVE} with other access modes`));
	}
	return errors;
}

/** A size that is more than nothing. */
export function validateSize(text: string, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const amount = readQuantity(text, path, errors);
	if (!amount) return errors;
	if (amount.nano < 0n) errors.push(invalid(path, text, "must be a valid resource quantity"));
	if (amount.nano <= 0n) errors.push(invalid(path, text, "must be greater than zero"));
	return errors;
}

/** A warning for a size that is no whole number of bytes. */
export function fractionWarning(text: string | undefined, path: string): string[] {
	if (text === undefined) return [];
	try {
		return parseQuantity(text).nano % NANO === 0n ? [] : [`${path}: fractional byte value "${text}" is invalid, must be an integer`];
	} catch (error) {
		if (error instanceof QuantityError) return [];
		throw error;
	}
}
