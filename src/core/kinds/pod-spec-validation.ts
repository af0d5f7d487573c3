/** Rules of a pod spec, in a pod or in a template: ValidatePodSpec of pkg/apis/core/validation. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { ipAddress } from "../meta/address.ts";
import { dns1123Label, dns1123Subdomain, qualifiedName, rangeError } from "../meta/name-rules.ts";
import type { PodSpec } from "../schema/kubernetes.d.ts";
import { type ContainerScope, validateContainers, validateEphemeralContainers, validateInitContainers } from "./container-validation.ts";
import { validateScheduling } from "./scheduling-validation.ts";
import { validatePodSecurityContext } from "./security-validation.ts";
import { validateVolumes } from "./volume-validation.ts";

const DNS_POLICIES = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
const RESTART_POLICIES = ["Always", "Never", "OnFailure"];
const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCHES_LENGTH_MAX = 2048;
const INT32_MAX = 2_147_483_647;

function validateDns(spec: PodSpec, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!DNS_POLICIES.includes(spec.dnsPolicy ?? "")) errors.push(notSupported(`${path}.dnsPolicy`, spec.dnsPolicy ?? "", DNS_POLICIES));
	const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {};
	const at = `${path}.dnsConfig`;
	if (spec.dnsPolicy === "None" && !spec.dnsConfig) errors.push(required(at, "must provide `dnsConfig` when `dnsPolicy` is None"));
	else if (spec.dnsPolicy === "None" && nameservers.length === 0) {
		errors.push(required(`${at}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None"));
	}
	if (nameservers.length > NAMESERVERS_MAX) {
		errors.push(invalid(`${at}.nameservers`, nameservers, `must not have more than ${NAMESERVERS_MAX} nameservers`));
	}
	for (const [index, server] of nameservers.entries())
		for (const problem of ipAddress(server)) errors.push(invalid(`${at}.nameservers[${index}]`, server, problem));
	if (searches.length > SEARCHES_MAX) errors.push(invalid(`${at}.searches`, searches, `must not have more than ${SEARCHES_MAX} search paths`));
	if (searches.join(" ").length > SEARCHES_LENGTH_MAX) {
		const detail = `must not have more than ${SEARCHES_LENGTH_MAX} characters (including spaces) in the search list`;
		errors.push(invalid(`${at}.searches`, searches, detail));
	}
	for (const [index, search] of searches.entries()) {
		if (search === ".") continue;
		const name = search.replace(/\.$/, "").replaceAll("_", "x");
		for (const problem of dns1123Subdomain(name)) errors.push(invalid(`${at}.searches[${index}]`, search, problem));
	}
	for (const [index, option] of options.entries()) if (!option.name) errors.push(required(`${at}.options[${index}]`, "must not be empty"));
	return errors;
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
	const errors: FieldError[] = [];
	for (const [field, rule] of [
		["serviceAccountName", dns1123Subdomain],
		["nodeName", dns1123Subdomain],
		["hostname", dns1123Label],
		["subdomain", dns1123Label],
		["priorityClassName", dns1123Subdomain],
		["runtimeClassName", dns1123Subdomain],
	] as const) {
		const value = spec[field];
		if (value) for (const problem of rule(value)) errors.push(invalid(`${path}.${field}`, value, problem));
	}
	for (const [index, gate] of (spec.readinessGates ?? []).entries()) {
		const at = `${path}.readinessGates[${index}].conditionType`;
		for (const problem of qualifiedName(gate.conditionType ?? "")) errors.push(invalid(at, gate.conditionType, problem));
	}
	for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
		const at = `${path}.hostAliases[${index}]`;
		for (const problem of ipAddress(alias.ip ?? "")) errors.push(invalid(`${at}.ip`, alias.ip ?? "", problem));
		for (const name of alias.hostnames ?? []) for (const problem of dns1123Subdomain(name)) errors.push(invalid(`${at}.hostnames`, name, problem));
	}
	return errors;
}

/** With the host's network a container's port is the host's. */
function validateHostNetwork(spec: PodSpec, path: string): FieldError[] {
	if (!spec.hostNetwork) return [];
	return (spec.containers ?? []).flatMap((container, index) =>
		(container.ports ?? []).flatMap(({ containerPort, hostPort }, portIndex) => {
			const at = `${path}.containers[${index}].ports[${portIndex}].containerPort`;
			return hostPort && hostPort !== containerPort ? [invalid(at, containerPort, "must match `hostPort` when `hostNetwork` is true")] : [];
		}),
	);
}

function validateContainerLists(spec: PodSpec, path: string): FieldError[] {
	const volumes = new Set((spec.volumes ?? []).map((v) => v.name));
	const scope: ContainerScope = { spec, volumes, names: new Set() };
	return [
		...validateContainers(spec.containers ?? [], scope, `${path}.containers`),
		...validateInitContainers(spec.initContainers ?? [], scope, `${path}.initContainers`),
		...validateEphemeralContainers(spec.ephemeralContainers ?? [], scope, `${path}.ephemeralContainers`),
	];
}

/** `path` is that of the spec: "spec" in a pod. */
export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
	const errors = [
		...validateVolumes(spec.volumes ?? [], `${path}.volumes`),
		...validateContainerLists(spec, path),
		...validateDns(spec, path),
		...validateNames(spec, path),
		...validateHostNetwork(spec, path),
		...validatePodSecurityContext(spec, path),
		...validateScheduling(spec, path),
	];
	if (!spec.restartPolicy) errors.push(required(`${path}.restartPolicy`));
	else if (!RESTART_POLICIES.includes(spec.restartPolicy)) errors.push(notSupported(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES));
	const deadline = spec.activeDeadlineSeconds;
	if (deadline !== undefined && !(deadline >= 1 && deadline <= INT32_MAX)) {
		errors.push(invalid(`${path}.activeDeadlineSeconds`, deadline, rangeError(1, INT32_MAX)));
	}
	if (spec.preemptionPolicy !== undefined && !["Never", "PreemptLowerPriority"].includes(spec.preemptionPolicy)) {
		errors.push(notSupported(`${path}.preemptionPolicy`, spec.preemptionPolicy, ["Never", "PreemptLowerPriority"]));
	}
	if (spec.os && spec.os.name !== "linux" && spec.os.name !== "windows") errors.push(notSupported(`${path}.os`, spec.os.name ?? "", ["linux", "windows"]));
	return errors;
}
