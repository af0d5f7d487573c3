/** Rules of containers: validateContainers and its kin of pkg/apis/core/validation. */
import { duplicate, type FieldError, forbidden, invalid, notFoundField, notSupported, required } from "../errors/field-error.ts";
import { dns1123Label, portName, portNumber } from "../meta/name-rules.ts";
import type { Container, ContainerPort, EphemeralContainer, EphemeralContainerCommon, PodSpec, VolumeMount } from "../schema/kubernetes.d.ts";
import { validateEnvironment } from "./env-validation.ts";
import { validateLifecycle, validateProbes } from "./probe-validation.ts";
import { validateResourceRequirements } from "./resource-validation.ts";
import { validateRestartPolicy } from "./restart-rule-validation.ts";
import { validateSecurityContext } from "./security-validation.ts";
import { validateDescendingPath } from "./volume-validation.ts";

const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES = ["FallbackToLogsOnError", "File"];
const PROPAGATIONS = ["Bidirectional", "HostToContainer", "None"];
const PROBES = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const;
/** What an ephemeral container may not have. */
const NOT_EPHEMERAL = ["ports", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "resources", "resizePolicy"] as const;

function validatePorts(ports: readonly ContainerPort[], path: string): FieldError[] {
	const errors: FieldError[] = [];
	const names = new Set<string>();
	for (const [index, port] of ports.entries()) {
		const at = `${path}[${index}]`;
		if (port.name) {
			const problems = portName(port.name);
			if (problems.length > 0) errors.push(...problems.map((problem) => invalid(`${at}.name`, port.name, problem)));
			else if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
			else names.add(port.name);
		}
		if (!port.containerPort) errors.push(required(`${at}.containerPort`));
		else for (const problem of portNumber(port.containerPort)) errors.push(invalid(`${at}.containerPort`, port.containerPort, problem));
		if (port.hostPort) for (const problem of portNumber(port.hostPort)) errors.push(invalid(`${at}.hostPort`, port.hostPort, problem));
		if (!port.protocol) errors.push(required(`${at}.protocol`));
		else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${at}.protocol`, port.protocol, PROTOCOLS));
	}
	return errors;
}

function validateMount(mount: VolumeMount, privileged: boolean, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (mount.subPath) errors.push(...validateDescendingPath(mount.subPath, `${path}.subPath`));
	if (mount.subPathExpr) {
		if (mount.subPath) errors.push(invalid(`${path}.subPathExpr`, mount.subPathExpr, "subPathExpr and subPath are mutually exclusive"));
		errors.push(...validateDescendingPath(mount.subPathExpr, `${path}.subPathExpr`));
	}
	const propagation = mount.mountPropagation;
	if (propagation !== undefined && !PROPAGATIONS.includes(propagation)) errors.push(notSupported(`${path}.mountPropagation`, propagation, PROPAGATIONS));
	if (propagation === "Bidirectional" && !privileged) {
		errors.push(forbidden(`${path}.mountPropagation`, "Bidirectional mount propagation is available only to privileged containers"));
	}
	const recursive = mount.recursiveReadOnly;
	if (recursive !== undefined && recursive !== "Disabled" && !mount.readOnly) {
		errors.push(forbidden(`${path}.recursiveReadOnly`, "may only be specified when readOnly is true"));
	}
	return errors;
}

function validateMounts(container: EphemeralContainerCommon, volumes: ReadonlySet<string>, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const paths = new Set<string>();
	const privileged = container.securityContext?.privileged === true;
	for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
		const at = `${path}.volumeMounts[${index}]`;
		if (!mount.name) errors.push(required(`${at}.name`));
		else if (!volumes.has(mount.name)) errors.push(notFoundField(`${at}.name`, mount.name));
		if (!mount.mountPath) errors.push(required(`${at}.mountPath`));
		else if (paths.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, "must be unique"));
		paths.add(mount.mountPath);
		errors.push(...validateMount(mount, privileged, at));
	}
	for (const [index, device] of (container.volumeDevices ?? []).entries()) {
		const at = `${path}.volumeDevices[${index}]`;
		if (!device.name) errors.push(required(`${at}.name`));
		else if (!volumes.has(device.name)) errors.push(notFoundField(`${at}.name`, device.name));
		if (!device.devicePath) errors.push(required(`${at}.devicePath`));
		else if (paths.has(device.devicePath)) errors.push(invalid(`${at}.devicePath`, device.devicePath, "must not already exist as a path in volumeMounts"));
	}
	return errors;
}

function validateChoice(value: string | undefined, choices: readonly string[], path: string): FieldError[] {
	if (!value) return [required(path)];
	return choices.includes(value) ? [] : [notSupported(path, value, choices)];
}

/** What holds for containers of every sort. */
function validateCommon(container: EphemeralContainerCommon, spec: PodSpec, volumes: ReadonlySet<string>, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!container.name) errors.push(required(`${path}.name`));
	else for (const problem of dns1123Label(container.name)) errors.push(invalid(`${path}.name`, container.name, problem));
	const image = container.image ?? "";
	if (image !== image.trim()) errors.push(invalid(`${path}.image`, image, "must not have leading or trailing whitespace"));
	errors.push(
		...validateRestartPolicy(container, path),
		...validateChoice(container.terminationMessagePolicy, MESSAGE_POLICIES, `${path}.terminationMessagePolicy`),
		...validatePorts(container.ports ?? [], `${path}.ports`),
		...validateEnvironment(container, path),
		...validateMounts(container, volumes, path),
		...validateChoice(container.imagePullPolicy, PULL_POLICIES, `${path}.imagePullPolicy`),
		...validateResourceRequirements(container.resources, `${path}.resources`),
		...validateSecurityContext(container.securityContext, `${path}.securityContext`, spec.hostUsers !== false),
	);
	return errors;
}

/** "protocol/address/port" of each host port, one time each. */
function hostPortConflicts(containers: readonly EphemeralContainerCommon[], path: string): FieldError[] {
	const errors: FieldError[] = [];
	const seen = new Set<string>();
	for (const [index, container] of containers.entries()) {
		for (const [portIndex, { hostPort, hostIP = "", protocol }] of (container.ports ?? []).entries()) {
			if (!hostPort) continue;
			const identity = `${protocol}/${hostIP}/${hostPort}`;
			if (seen.has(identity)) errors.push(duplicate(`${path}[${index}].ports[${portIndex}].hostPort`, identity));
			seen.add(identity);
		}
	}
	return errors;
}

export interface ContainerScope {
	spec: PodSpec;
	/** Names of the pod's volumes. */
	volumes: ReadonlySet<string>;
	/** Names that are taken by other containers; grows. */
	names: Set<string>;
}

function validateName(name: string, names: Set<string>, path: string): FieldError[] {
	if (names.has(name)) return [duplicate(`${path}.name`, name)];
	if (name) names.add(name);
	return [];
}

export function validateContainers(containers: readonly Container[], scope: ContainerScope, path: string): FieldError[] {
	if (containers.length === 0) return [required(path)];
	const errors: FieldError[] = [];
	const graceSeconds = scope.spec.terminationGracePeriodSeconds;
	for (const [index, container] of containers.entries()) {
		const at = `${path}[${index}]`;
		errors.push(
			...validateCommon(container, scope.spec, scope.volumes, at),
			...validateName(container.name, scope.names, at),
			...(container.image ? [] : [required(`${at}.image`)]),
			...validateLifecycle(container.lifecycle, `${at}.lifecycle`, graceSeconds),
			...validateProbes(container, at),
		);
	}
	return [...errors, ...hostPortConflicts(containers, path)];
}

export function validateInitContainers(containers: readonly Container[], scope: ContainerScope, path: string): FieldError[] {
	const errors: FieldError[] = [];
	for (const [index, container] of containers.entries()) {
		const at = `${path}[${index}]`;
		errors.push(
			...validateCommon(container, scope.spec, scope.volumes, at),
			...validateName(container.name, scope.names, at),
			...(container.image ? [] : [required(`${at}.image`)]),
			...hostPortConflicts([container], path),
		);
		if (container.restartPolicy === "Always") {
			errors.push(...validateLifecycle(container.lifecycle, `${at}.lifecycle`, scope.spec.terminationGracePeriodSeconds), ...validateProbes(container, at));
			continue;
		}
		for (const field of PROBES) {
			if (container[field]) errors.push(forbidden(`${at}.${field}`, "may not be set for init containers without restartPolicy=Always"));
		}
	}
	return errors;
}

export function validateEphemeralContainers(containers: readonly EphemeralContainer[], scope: ContainerScope, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const targets = new Set([...(scope.spec.containers ?? []), ...(scope.spec.initContainers ?? [])].map((c) => c.name));
	for (const [index, container] of containers.entries()) {
		const at = `${path}[${index}]`;
		errors.push(...validateCommon(container, scope.spec, scope.volumes, at), ...validateName(container.name, scope.names, at));
		if (!container.image) errors.push(required(`${at}.image`));
		if (container.targetContainerName && !targets.has(container.targetContainerName)) {
			errors.push(notFoundField(`${at}.targetContainerName`, container.targetContainerName));
		}
		for (const field of NOT_EPHEMERAL) {
			const value = container[field];
			const isSet = field === "resources" ? Object.keys(value ?? {}).length > 0 : value !== undefined && !(Array.isArray(value) && value.length === 0);
			if (isSet) errors.push(forbidden(`${at}.${field}`, "cannot be set for an Ephemeral Container"));
		}
		if (container.restartPolicy !== undefined) errors.push(forbidden(`${at}.restartPolicy`, "cannot be set for an Ephemeral Container"));
		for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
			if (mount.subPath) errors.push(forbidden(`${at}.volumeMounts[${i}].subPath`, "cannot be set for an Ephemeral Container"));
			if (mount.subPathExpr) errors.push(forbidden(`${at}.volumeMounts[${i}].subPathExpr`, "cannot be set for an Ephemeral Container"));
		}
	}
	return errors;
}
