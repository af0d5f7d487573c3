/** Rules of a pod's volumes: ValidateVolumes of pkg/apis/core/validation. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { dns1123Label } from "../meta/name-rules.ts";
import type { DownwardAPIVolumeFile, KeyToPath, ServiceAccountTokenProjection, Volume, VolumeProjection } from "../schema/kubernetes.d.ts";
import { validateFieldRef, validateResourceFieldRef } from "./env-validation.ts";
import { readQuantity } from "./resource-validation.ts";

const FILE_MODE_MAX = 0o777;
const FILE_MODE_ERROR = "must be a number between 0 and 0777 (octal), both inclusive";
const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;
const FILE_FIELDS = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
export const HOST_PATH_TYPES = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/** What each volume source must name: the field and the ones that may not be empty. */
export const REQUIRED_FIELDS: Readonly<Record<string, readonly string[]>> = {
	nfs: ["server", "path"],
	persistentVolumeClaim: ["claimName"],
	csi: ["driver"],
	image: ["reference"],
	iscsi: ["targetPortal", "iqn"],
	glusterfs: ["endpoints", "path"],
	rbd: ["monitors", "image"],
	cephfs: ["monitors"],
	cinder: ["volumeID"],
	gcePersistentDisk: ["pdName"],
	awsElasticBlockStore: ["volumeID"],
	azureDisk: ["diskName", "diskURI"],
	azureFile: ["secretName", "shareName"],
	vsphereVolume: ["volumePath"],
	flexVolume: ["driver"],
	gitRepo: ["repository"],
	portworxVolume: ["volumeID"],
	photonPersistentDisk: ["pdID"],
	quobyte: ["registry", "volume"],
	scaleIO: ["gateway", "system", "volumeName"],
	ephemeral: ["volumeClaimTemplate"],
};

/** A relative path that stays below its root: validateLocalDescendingPath. */
export function validateDescendingPath(value: string, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (value.startsWith("/")) errors.push(invalid(path, value, "must be a relative path"));
	if (value.split("/").includes("..")) errors.push(invalid(path, value, "must not contain '..'"));
	return errors;
}

function validateFilePath(value: string | undefined, path: string): FieldError[] {
	if (!value) return [required(path)];
	const errors = validateDescendingPath(value, path);
	if (value.startsWith("..") && !value.startsWith("../")) errors.push(invalid(path, value, "must not start with '..'"));
	return errors;
}

function validateMode(mode: number | undefined, path: string): FieldError[] {
	return mode === undefined || (mode >= 0 && mode <= FILE_MODE_MAX) ? [] : [invalid(path, mode, FILE_MODE_ERROR)];
}

function validateItems(items: readonly KeyToPath[] | undefined, path: string): FieldError[] {
	return (items ?? []).flatMap((item, index) => {
		const at = `${path}[${index}]`;
		return [...(item.key ? [] : [required(`${at}.key`)]), ...validateFilePath(item.path, `${at}.path`), ...validateMode(item.mode, `${at}.mode`)];
	});
}

function validateDownwardFile(file: DownwardAPIVolumeFile, path: string): FieldError[] {
	const errors = validateFilePath(file.path, `${path}.path`);
	if (file.fieldRef) {
		errors.push(...validateFieldRef(file.fieldRef, FILE_FIELDS, `${path}.fieldRef`));
		if (file.resourceFieldRef) errors.push(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
	} else if (file.resourceFieldRef) errors.push(...validateResourceFieldRef(file.resourceFieldRef, `${path}.resourceFieldRef`, true));
	else errors.push(required(path, "one of fieldRef and resourceFieldRef is required"));
	return [...errors, ...validateMode(file.mode, `${path}.mode`)];
}

const validateDownward = (items: readonly DownwardAPIVolumeFile[] | undefined, path: string): FieldError[] =>
	(items ?? []).flatMap((file, index) => validateDownwardFile(file, `${path}.items[${index}]`));

function validateToken(token: ServiceAccountTokenProjection, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const seconds = token.expirationSeconds;
	if (seconds !== undefined && seconds < TOKEN_SECONDS_MIN) {
		errors.push(invalid(`${path}.expirationSeconds`, seconds, "may not specify a duration less than 10 minutes"));
	}
	if (seconds !== undefined && seconds > TOKEN_SECONDS_MAX) {
		errors.push(invalid(`${path}.expirationSeconds`, seconds, "may not specify a duration larger than 2^32 seconds"));
	}
	return [...errors, ...validateFilePath(token.path, `${path}.path`)];
}

function validateProjection(source: VolumeProjection, path: string): FieldError[] {
	const kinds = (Object.keys(source) as (keyof VolumeProjection)[]).filter((key) => source[key] != null);
	const [kind, ...more] = kinds;
	if (!kind) return [required(path, "must specify at least 1 volume type")];
	const errors = more.map((name) => forbidden(`${path}.${name}`, "may not specify more than 1 volume type"));
	const at = `${path}.${kind}`;
	for (const reference of [source.secret, source.configMap]) {
		if (!reference) continue;
		if (!reference.name) errors.push(required(`${at}.name`));
		errors.push(...validateItems(reference.items, `${at}.items`));
	}
	if (source.downwardAPI) errors.push(...validateDownward(source.downwardAPI.items, at));
	if (source.serviceAccountToken) errors.push(...validateToken(source.serviceAccountToken, at));
	return errors;
}

function validateFileVolume(volume: Volume, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const { secret, configMap, downwardAPI, projected } = volume;
	if (secret && !secret.secretName) errors.push(required(`${path}.secret.secretName`));
	if (configMap && !configMap.name) errors.push(required(`${path}.configMap.name`));
	errors.push(
		...validateMode(secret?.defaultMode, `${path}.secret.defaultMode`),
		...validateItems(secret?.items, `${path}.secret.items`),
		...validateMode(configMap?.defaultMode, `${path}.configMap.defaultMode`),
		...validateItems(configMap?.items, `${path}.configMap.items`),
		...validateMode(downwardAPI?.defaultMode, `${path}.downwardAPI.defaultMode`),
		...validateDownward(downwardAPI?.items, `${path}.downwardAPI`),
		...validateMode(projected?.defaultMode, `${path}.projected.defaultMode`),
		...(projected?.sources ?? []).flatMap((source, index) => validateProjection(source, `${path}.projected.sources[${index}]`)),
	);
	return errors;
}

function validateSource(volume: Volume, path: string): FieldError[] {
	const sources = (Object.keys(volume) as (keyof Volume)[]).filter((key) => key !== "name" && volume[key] != null);
	const [source, ...more] = sources;
	if (!source) return [required(path, "must specify a volume type")];
	const errors = more.map((name) => forbidden(`${path}.${name}`, "may not specify more than 1 volume type"));
	for (const field of REQUIRED_FIELDS[source] ?? []) {
		const value = (volume[source] as Record<string, unknown>)[field];
		if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) errors.push(required(`${path}.${source}.${field}`));
	}
	if (volume.hostPath) {
		const { path: where, type } = volume.hostPath;
		if (!where) errors.push(required(`${path}.hostPath.path`));
		else if (where.split("/").includes("..")) errors.push(invalid(`${path}.hostPath.path`, where, "must not contain '..'"));
		if (type !== undefined && !HOST_PATH_TYPES.includes(type)) errors.push(notSupported(`${path}.hostPath.type`, type, HOST_PATH_TYPES));
	}
	if (volume.emptyDir?.sizeLimit !== undefined) {
		const limit = readQuantity(volume.emptyDir.sizeLimit, `${path}.emptyDir.sizeLimit`, errors);
		if (limit && limit.nano < 0n) errors.push(forbidden(`${path}.emptyDir.sizeLimit`, "SizeLimit field must be a valid resource quantity"));
	}
	return [...errors, ...validateFileVolume(volume, path)];
}

/** Every volume of a pod: named once, with one source. */
export function validateVolumes(volumes: readonly Volume[], path: string): FieldError[] {
	const errors: FieldError[] = [];
	const names = new Set<string>();
	for (const [index, volume] of volumes.entries()) {
		const at = `${path}[${index}]`;
		errors.push(...validateSource(volume, at));
		if (!volume.name) errors.push(required(`${at}.name`));
		else if (dns1123Label(volume.name).length > 0) errors.push(...dns1123Label(volume.name).map((problem) => invalid(`${at}.name`, volume.name, problem)));
		else if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
		names.add(volume.name);
	}
	return errors;
}
