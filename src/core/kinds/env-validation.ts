/** Rules of a container's environment: validateEnv and validateEnvFrom of pkg/apis/core/validation. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { configMapKey, dns1123Subdomain, envVarName, qualifiedName } from "../meta/name-rules.ts";
import type { Container, EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from "../schema/kubernetes.d.ts";

const ENV_FIELDS = [
	"metadata.name",
	"metadata.namespace",
	"metadata.uid",
	"spec.nodeName",
	"spec.serviceAccountName",
	"status.hostIP",
	"status.hostIPs",
	"status.podIP",
	"status.podIPs",
];
const ENV_RESOURCES = ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];
const SOURCES = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"] as const;
const ONE_ONLY = "may not have more than one field specified at a time";

/** A field of the pod; `fields` are those that may be named whole. */
export function validateFieldRef(ref: ObjectFieldSelector, fields: readonly string[], path: string): FieldError[] {
	if (!ref.apiVersion) return [required(`${path}.apiVersion`)];
	if (!ref.fieldPath) return [required(`${path}.fieldPath`)];
	const subscript = /^(.*)\['(.*)'\]$/.exec(ref.fieldPath);
	if (subscript) {
		const [, map = "", key = ""] = subscript;
		if (map === "metadata.annotations") return qualifiedName(key.toLowerCase()).map((p) => invalid(path, key, p));
		if (map === "metadata.labels") return qualifiedName(key).map((p) => invalid(path, key, p));
		return [invalid(path, map, "does not support subscript")];
	}
	return fields.includes(ref.fieldPath) ? [] : [notSupported(`${path}.fieldPath`, ref.fieldPath, fields)];
}

/** A resource of a container, in an environment or in a file (`nameRequired`). */
export function validateResourceFieldRef(ref: ResourceFieldSelector, path: string, nameRequired = false): FieldError[] {
	if (nameRequired && !ref.containerName) return [required(`${path}.containerName`)];
	if (!ref.resource) return [required(`${path}.resource`)];
	const huge = /^(limits|requests)\.hugepages-/.test(ref.resource);
	return huge || ENV_RESOURCES.includes(ref.resource) ? [] : [notSupported(`${path}.resource`, ref.resource, ENV_RESOURCES)];
}

function validateKeyRef(ref: { name?: string; key: string }, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (ref.name) for (const problem of dns1123Subdomain(ref.name)) errors.push(invalid(`${path}.name`, ref.name, problem));
	if (!ref.key) errors.push(required(`${path}.key`));
	else for (const problem of configMapKey(ref.key)) errors.push(invalid(`${path}.key`, ref.key, problem));
	return errors;
}

function validateSource(source: EnvVarSource, hasValue: boolean, path: string): FieldError[] {
	const named = SOURCES.filter((name) => source[name]);
	const errors: FieldError[] = [];
	if (source.fieldRef) errors.push(...validateFieldRef(source.fieldRef, ENV_FIELDS, `${path}.fieldRef`));
	if (source.resourceFieldRef) errors.push(...validateResourceFieldRef(source.resourceFieldRef, `${path}.resourceFieldRef`));
	if (source.configMapKeyRef) errors.push(...validateKeyRef(source.configMapKeyRef, `${path}.configMapKeyRef`));
	if (source.secretKeyRef) errors.push(...validateKeyRef(source.secretKeyRef, `${path}.secretKeyRef`));
	if (source.fileKeyRef) {
		for (const field of ["volumeName", "path", "key"] as const) if (!source.fileKeyRef[field]) errors.push(required(`${path}.fileKeyRef.${field}`));
	}
	if (named.length === 0)
		errors.push(invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"));
	if (hasValue) {
		if (named.length !== 0) errors.push(invalid(path, "", "may not be specified when `value` is not empty"));
	} else if (named.length > 1) errors.push(invalid(path, "", ONE_ONLY));
	return errors;
}

function validateVariable(variable: EnvVar, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!variable.name) errors.push(required(`${path}.name`));
	else for (const problem of envVarName(variable.name)) errors.push(invalid(`${path}.name`, variable.name, problem));
	if (variable.valueFrom) errors.push(...validateSource(variable.valueFrom, !!variable.value, `${path}.valueFrom`));
	return errors;
}

function validateEnvFrom(source: EnvFromSource, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (source.prefix) for (const problem of envVarName(source.prefix)) errors.push(invalid(`${path}.prefix`, source.prefix, problem));
	const named = (["configMapRef", "secretRef"] as const).filter((name) => source[name]);
	if (named.length === 0) errors.push(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
	if (named.length > 1) errors.push(invalid(path, "", ONE_ONLY));
	for (const field of named) {
		const name = source[field]?.name;
		if (!name) errors.push(required(`${path}.${field}.name`));
		else for (const problem of dns1123Subdomain(name)) errors.push(invalid(`${path}.${field}.name`, name, problem));
	}
	return errors;
}

export function validateEnvironment({ env, envFrom }: Pick<Container, "env" | "envFrom">, path: string): FieldError[] {
	return [
		...(env ?? []).flatMap((variable, index) => validateVariable(variable, `${path}.env[${index}]`)),
		...(envFrom ?? []).flatMap((source, index) => validateEnvFrom(source, `${path}.envFrom[${index}]`)),
	];
}
