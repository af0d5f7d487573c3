/** What a client is warned of in a pod spec: pkg/api/pod/warnings.go. */
import { parseQuantity, QuantityError } from "../quantity/quantity.ts";
import type { Container, EphemeralContainerCommon, PodSpec } from "../schema/kubernetes.d.ts";

const MASTER_LABEL = "node-role.kubernetes.io/master";
const DEPRECATED_LABELS: Readonly<Record<string, string>> = {
	"beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
	"beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
	"failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
	"failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
	"beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};
const SECCOMP_PREFIX = "seccomp.security.alpha.kubernetes.io/";

/** `path` is that of the spec; `annotations` are the pod's or the template's. */
export function podWarnings(spec: PodSpec | undefined, annotations: Record<string, string> | undefined, path: string): string[] {
	if (!spec) return [];
	const warnings: string[] = [];
	for (const key of Object.keys(spec.nodeSelector ?? {})) {
		const why = DEPRECATED_LABELS[key];
		if (why) warnings.push(`${path}.nodeSelector[${key}]: ${why}`);
	}
	for (const [index, { key }] of (spec.tolerations ?? []).entries()) {
		if (key === MASTER_LABEL) warnings.push(`${path}.tolerations[${index}].key: "${MASTER_LABEL}" is deprecated, use "node-role.kubernetes.io/control-plane" instead`);
	}
	for (const key of Object.keys(annotations ?? {})) {
		if (key.startsWith(SECCOMP_PREFIX)) warnings.push(`metadata.annotations[${key}]: non-functional in v1.27+; use the "seccompProfile" field instead`);
	}
	for (const [index, volume] of (spec.volumes ?? []).entries()) {
		if (volume.gitRepo) warnings.push(`${path}.volumes[${index}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+`);
	}
	if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
		warnings.push(`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`);
	}
	warnings.push(...listWarnings(spec.initContainers, `${path}.initContainers`), ...listWarnings(spec.containers, `${path}.containers`));
	return [...warnings, ...duplicateListEntries(spec, path)];
}

function listWarnings(containers: readonly Container[] | undefined, path: string): string[] {
	return (containers ?? []).flatMap((container, index) => [
		...fractionWarnings(container, `${path}[${index}]`),
		...duplicateEnvironment(container, `${path}[${index}]`),
		...duplicatePorts(container, `${path}[${index}]`),
	]);
}

/** Memory and storage come in whole bytes. */
function fractionWarnings(container: Container, path: string): string[] {
	const warnings: string[] = [];
	for (const field of ["limits", "requests"] as const) {
		for (const name of ["ephemeral-storage", "memory"]) {
			const text = container.resources?.[field]?.[name];
			if (text !== undefined && isFractional(text)) warnings.push(`${path}.resources.${field}[${name}]: fractional byte value ${JSON.stringify(text)} is invalid, must be an integer`);
		}
	}
	return warnings;
}

function isFractional(text: string): boolean {
	try {
		return parseQuantity(text).nano % 10n ** 9n !== 0n;
	} catch (error) {
		if (error instanceof QuantityError) return false;
		throw error;
	}
}

function duplicateEnvironment(container: EphemeralContainerCommon, path: string): string[] {
	const seen = new Set<string>();
	const warnings: string[] = [];
	for (const [index, { name }] of (container.env ?? []).entries()) {
		if (seen.has(name)) warnings.push(`${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`);
		seen.add(name);
	}
	return warnings;
}

function duplicatePorts(container: EphemeralContainerCommon, path: string): string[] {
	const seen = new Map<string, number>();
	const warnings: string[] = [];
	for (const [index, { containerPort, protocol, hostPort = 0, hostIP = "" }] of (container.ports ?? []).entries()) {
		const identity = `${containerPort}/${protocol}/${hostPort}/${hostIP}`;
		const first = seen.get(identity);
		if (first !== undefined) warnings.push(`${path}.ports[${index}]: duplicate port definition with ${path}.ports[${first}]`);
		else seen.set(identity, index);
	}
	return warnings;
}

function duplicateListEntries(spec: PodSpec, path: string): string[] {
	const seen = new Set<string>();
	const warnings: string[] = [];
	for (const [index, { name }] of (spec.imagePullSecrets ?? []).entries()) {
		if (!name) warnings.push(`${path}.imagePullSecrets[${index}]: invalid empty name ""`);
	}
	for (const [index, { ip }] of (spec.hostAliases ?? []).entries()) {
		if (seen.has(ip)) warnings.push(`${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`);
		seen.add(ip);
	}
	return warnings;
}
