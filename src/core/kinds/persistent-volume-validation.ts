/** Rules of a PersistentVolume: ValidatePersistentVolumeSpec of pkg/apis/core/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label, dns1123Subdomain } from "../meta/name-rules.ts";
import type { CSIPersistentVolumeSource, PersistentVolume, PersistentVolumeSpec } from "../schema/kubernetes.d.ts";
import { validateImmutable } from "./immutable-field.ts";
import { changedPaths } from "./object-difference.ts";
import { validateWith } from "./object-reference-validation.ts";
import { validateNodeSelector } from "./scheduling-validation.ts";
import { validateAccessModes, validateSize, VOLUME_MODES } from "./storage-access.ts";
import { validateDriverName } from "./storage-class-validation.ts";
import { HOST_PATH_TYPES, REQUIRED_FIELDS } from "./volume-validation.ts";

const RECLAIM_POLICIES = ["Delete", "Recycle", "Retain"];
const INLINE = "in the context of inline volumes";
const NOT_INLINE = `may not be specified ${INLINE}`;
const TRAVERSAL = "must not contain '..'";
/** The fields of a spec that are no source of the volume. */
const COMMON_FIELDS = new Set([
	"capacity",
	"accessModes",
	"claimRef",
	"persistentVolumeReclaimPolicy",
	"storageClassName",
	"mountOptions",
	"volumeMode",
	"nodeAffinity",
	"volumeAttributesClassName",
]);
const SECRET_REFERENCES = [
	"controllerPublishSecretRef",
	"nodePublishSecretRef",
	"nodeStageSecretRef",
	"controllerExpandSecretRef",
	"nodeExpandSecretRef",
] as const;

/** The volume's sources, by the field that has each: one in a valid spec. */
export const sourcesOf = (spec: PersistentVolumeSpec): (keyof PersistentVolumeSpec)[] =>
	(Object.keys(spec) as (keyof PersistentVolumeSpec)[]).filter((field) => !COMMON_FIELDS.has(field) && spec[field] != null);

function validateCsi(csi: CSIPersistentVolumeSource, path: string): FieldError[] {
	const errors = validateDriverName(csi.driver, `${path}.driver`);
	if (!csi.volumeHandle) errors.push(required(`${path}.volumeHandle`));
	for (const field of SECRET_REFERENCES) {
		const reference = csi[field];
		if (!reference) continue;
		if (!reference.name) errors.push(required(`${path}.${field}.name`));
		errors.push(...validateWith(dns1123Subdomain, reference.name, `${path}.${field}.name`));
		if (!reference.namespace) errors.push(required(`${path}.${field}.namespace`));
		errors.push(...validateWith(dns1123Label, reference.namespace, `${path}.${field}.namespace`));
	}
	return errors;
}

function validateRequiredFields(spec: PersistentVolumeSpec, source: keyof PersistentVolumeSpec, path: string): FieldError[] {
	return (REQUIRED_FIELDS[source] ?? []).flatMap((field) => {
		const value = (spec[source] as Record<string, unknown>)[field];
		const missing = value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
		return missing ? [required(`${path}.${source}.${field}`)] : [];
	});
}

function validatePathSources(spec: PersistentVolumeSpec, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const { hostPath, local, nfs } = spec;
	if (hostPath) {
		const at = `${path}.hostPath`;
		if (!hostPath.path) errors.push(required(`${at}.path`));
		else if (hostPath.path.split("/").includes("..")) errors.push(invalid(`${at}.path`, hostPath.path, TRAVERSAL));
		if (hostPath.type !== undefined && !HOST_PATH_TYPES.includes(hostPath.type)) errors.push(notSupported(`${at}.type`, hostPath.type, HOST_PATH_TYPES));
		if (/^\/+$/.test(hostPath.path ?? "") && spec.persistentVolumeReclaimPolicy === "Recycle") {
			errors.push(forbidden(`${path}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'"));
		}
	}
	if (local) {
		if (!local.path) errors.push(required(`${path}.local.path`));
		else if (local.path.split("/").includes("..")) errors.push(invalid(`${path}.local.path`, local.path, TRAVERSAL));
		if (!spec.nodeAffinity?.required) errors.push(required(`${path}.nodeAffinity`, "Local volume requires node affinity"));
	}
	if (nfs?.path && !nfs.path.startsWith("/")) errors.push(invalid(`${path}.nfs.path`, nfs.path, "must be an absolute path"));
	return errors;
}

function validateSource(spec: PersistentVolumeSpec, path: string): FieldError[] {
	const [source, ...more] = sourcesOf(spec);
	if (!source) return [required(path, "must specify a volume type")];
	return [
		...more.map((field) => forbidden(`${path}.${field}`, "may not specify more than 1 volume type")),
		...(source === "csi" ? [] : validateRequiredFields(spec, source, path)),
		...validatePathSources(spec, path),
		...(spec.csi ? validateCsi(spec.csi, `${path}.csi`) : []),
	];
}

function validateCapacity(capacity: Record<string, string>, path: string): FieldError[] {
	const names = Object.keys(capacity);
	if (names.length === 0) return [required(path)];
	const errors = names.length > 1 || capacity.storage === undefined ? [notSupported(path, capacity, ["storage"])] : [];
	return [...errors, ...names.flatMap((name) => validateSize(capacity[name] ?? "", `${path}[${name}]`))];
}

/** What only a volume of its own may say, not one that stands in a VolumeAttachment. */
function validatePlacement(spec: PersistentVolumeSpec, inline: boolean, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const { storageClassName, volumeMode, volumeAttributesClassName: attributes } = spec;
	if (inline) {
		if (storageClassName) errors.push(forbidden(`${path}.storageClassName`, NOT_INLINE));
		if (volumeMode !== undefined && volumeMode !== "Filesystem") {
			errors.push(forbidden(`${path}.volumeMode`, `may not specify volumeMode other than Filesystem ${INLINE}`));
		}
		if (attributes !== undefined) errors.push(forbidden(`${path}.volumeAttributesClassName`, NOT_INLINE));
		return errors;
	}
	errors.push(...validateWith(dns1123Subdomain, storageClassName, `${path}.storageClassName`));
	if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode)) errors.push(notSupported(`${path}.volumeMode`, volumeMode, VOLUME_MODES));
	if (attributes === undefined) return errors;
	if (attributes === "") errors.push(required(`${path}.volumeAttributesClassName`, "an empty string is disallowed"));
	else errors.push(...validateWith(dns1123Subdomain, attributes, `${path}.volumeAttributesClassName`));
	if (!spec.csi) errors.push(required(`${path}.csi`, "has to be specified when using volumeAttributesClassName"));
	return errors;
}

function validateReclaimPolicy(policy: string | undefined, inline: boolean, path: string): FieldError[] {
	if (!policy) return [];
	if (inline && policy !== "Retain") return [forbidden(path, `may only be Retain ${INLINE}`)];
	return RECLAIM_POLICIES.includes(policy) ? [] : [notSupported(path, policy, RECLAIM_POLICIES)];
}

/** A volume's spec; `inline` when it stands in a VolumeAttachment. */
export function validatePersistentVolumeSpec(spec: PersistentVolumeSpec, inline: boolean, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (inline) {
		if (spec.claimRef) errors.push(forbidden(`${path}.claimRef`, NOT_INLINE));
		if (Object.keys(spec.capacity ?? {}).length > 0) errors.push(forbidden(`${path}.capacity`, NOT_INLINE));
		if (!spec.csi) errors.push(required(`${path}.csi`, `has to be specified ${INLINE}`));
	}
	errors.push(...validateAccessModes(spec.accessModes, `${path}.accessModes`, ""));
	if (!inline) errors.push(...validateCapacity(spec.capacity ?? {}, `${path}.capacity`));
	errors.push(...validateReclaimPolicy(spec.persistentVolumeReclaimPolicy, inline, `${path}.persistentVolumeReclaimPolicy`));
	if (spec.nodeAffinity) {
		const at = `${path}.nodeAffinity`;
		if (spec.nodeAffinity.required) errors.push(...validateNodeSelector(spec.nodeAffinity.required, `${at}.required`));
		else errors.push(required(`${at}.required`, "must specify required node constraints"));
	}
	return [...errors, ...validateSource(spec, path), ...validatePlacement(spec, inline, path)];
}

export const validatePersistentVolume = ({ spec = {} }: PersistentVolume): FieldError[] => validatePersistentVolumeSpec(spec, false, "spec");

export function validatePersistentVolumeUpdate({ spec: next = {} }: PersistentVolume, { spec: old = {} }: PersistentVolume): FieldError[] {
	const errors: FieldError[] = [];
	const source = (spec: PersistentVolumeSpec) => Object.fromEntries(sourcesOf(spec).map((field) => [field, spec[field]]));
	if (!semanticEqual(source(next), source(old))) {
		const changes = changedPaths(source(old), source(next), "spec");
		errors.push(forbidden("spec.persistentvolumesource", `spec.persistentvolumesource is immutable after creation\n${changes}`));
	}
	errors.push(...validateImmutable(next.volumeMode, old.volumeMode, "volumeMode"));
	if (old.nodeAffinity) errors.push(...validateImmutable(next.nodeAffinity, old.nodeAffinity, "nodeAffinity"));
	if (old.volumeAttributesClassName !== undefined && next.volumeAttributesClassName === undefined) {
		errors.push(forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden"));
	}
	return errors;
}
