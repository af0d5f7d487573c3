/** Rules of security contexts: ValidateSecurityContext and validatePodSpecSecurityContext of pkg/apis/core/validation. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { rangeError } from "../meta/name-rules.ts";
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from "../schema/kubernetes.d.ts";

const ID_MAX = 2_147_483_647;
const SYSCTL_LENGTH_MAX = 253;
const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const PROFILE_TYPES = ["Localhost", "RuntimeDefault", "Unconfined"];

function validateId(value: number | undefined, path: string): FieldError[] {
	return value === undefined || (value >= 0 && value <= ID_MAX) ? [] : [invalid(path, value, rangeError(0, ID_MAX))];
}

function validateProfile(profile: SeccompProfile | AppArmorProfile | undefined, path: string, what: "seccomp" | "AppArmor"): FieldError[] {
	if (!profile) return [];
	const { type, localhostProfile } = profile;
	if (!type)
		return [required(`${path}.type`, "type is required when profile is set".replace("profile", what === "seccomp" ? "seccompProfile" : "appArmorProfile"))];
	if (!PROFILE_TYPES.includes(type)) return [notSupported(`${path}.type`, type, PROFILE_TYPES)];
	const at = `${path}.localhostProfile`;
	if (type !== "Localhost") return localhostProfile === undefined ? [] : [invalid(at, localhostProfile, `can only be set when ${what} type is Localhost`)];
	if (!localhostProfile?.trim()) return [required(at, `must be set when ${what} type is Localhost`)];
	const errors: FieldError[] = [];
	if (localhostProfile.startsWith("/")) errors.push(invalid(at, localhostProfile, "must be a relative path"));
	if (localhostProfile.split("/").includes("..")) errors.push(invalid(at, localhostProfile, "must not contain '..'"));
	return errors;
}

/** A container's security context. `hostUsers` is the pod's. */
export function validateSecurityContext(context: SecurityContext | undefined, path: string, hostUsers = true): FieldError[] {
	if (!context) return [];
	const errors = [
		...validateId(context.runAsUser, `${path}.runAsUser`),
		...validateId(context.runAsGroup, `${path}.runAsGroup`),
		...validateProfile(context.seccompProfile, `${path}.seccompProfile`, "seccomp"),
		...validateProfile(context.appArmorProfile, `${path}.appArmorProfile`, "AppArmor"),
	];
	if (context.procMount !== undefined) {
		const mounts = ["Default", "Unmasked"];
		if (!mounts.includes(context.procMount)) errors.push(notSupported(`${path}.procMount`, context.procMount, mounts));
		if (hostUsers && context.procMount === "Unmasked") {
			errors.push(invalid(`${path}.procMount`, context.procMount, "`hostUsers` must be false to use `Unmasked`"));
		}
	}
	if (context.allowPrivilegeEscalation === false) {
		if (context.privileged) errors.push(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
		if (context.capabilities?.add?.includes("CAP_SYS_ADMIN")) {
			errors.push(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"));
		}
	}
	return errors;
}

function validateSysctls(context: PodSecurityContext, spec: PodSpec, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const seen = new Set<string>();
	for (const [index, { name }] of (context.sysctls ?? []).entries()) {
		const at = `${path}[${index}].name`;
		const normal = (name ?? "").replaceAll("/", ".");
		if (!name) errors.push(required(at));
		else if (name.length > SYSCTL_LENGTH_MAX || !SYSCTL.test(name)) {
			errors.push(invalid(at, name, `must have at most ${SYSCTL_LENGTH_MAX} characters and match regex ${SYSCTL.source}`));
		} else if (seen.has(normal)) errors.push(duplicate(at, normal));
		seen.add(normal);
		if (spec.hostNetwork && normal.startsWith("net.")) errors.push(invalid(at, name, "may not be specified when 'hostNetwork' is true"));
		if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(normal)) errors.push(invalid(at, name, "may not be specified when 'hostIPC' is true"));
	}
	return errors;
}

/** The pod's own security context, with the namespaces it shares with its host. */
export function validatePodSecurityContext(spec: PodSpec, path: string): FieldError[] {
	const at = `${path}.securityContext`;
	const context = spec.securityContext;
	const errors: FieldError[] = [];
	if (spec.shareProcessNamespace && spec.hostPID) {
		errors.push(invalid(`${path}.shareProcessNamespace`, true, "ShareProcessNamespace and HostPID cannot both be enabled"));
	}
	if (spec.hostUsers === false) {
		for (const field of ["hostNetwork", "hostPID", "hostIPC"] as const) {
			if (spec[field]) errors.push(forbidden(`${path}.${field}`, "when `hostUsers` is false"));
		}
	}
	if (!context) return errors;
	for (const field of ["runAsUser", "runAsGroup", "fsGroup"] as const) errors.push(...validateId(context[field], `${at}.${field}`));
	for (const [index, group] of (context.supplementalGroups ?? []).entries()) errors.push(...validateId(group, `${at}.supplementalGroups[${index}]`));
	errors.push(
		...validateSysctls(context, spec, `${at}.sysctls`),
		...validateProfile(context.seccompProfile, `${at}.seccompProfile`, "seccomp"),
		...validateProfile(context.appArmorProfile, `${at}.appArmorProfile`, "AppArmor"),
	);
	for (const [field, values] of [
		["fsGroupChangePolicy", ["Always", "OnRootMismatch"]],
		["supplementalGroupsPolicy", ["Merge", "Strict"]],
	] as const) {
		const value = context[field];
		if (value !== undefined && !(values as readonly string[]).includes(value)) errors.push(notSupported(`${at}.${field}`, value, values));
	}
	return errors;
}
