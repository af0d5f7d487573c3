/** What a client is warned of in a pod spec: pkg/api/pod/warnings.go. */
import { parseQuantity, QuantityError } from "../quantity/quantity.ts";
import type { ContainerPort, EphemeralContainerCommon, NodeSelectorTerm, PodSpec, Volume } from "../schema/kubernetes.d.ts";

const NANO = 10n ** 9n;
const SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/";
const SECCOMP_WARNING = 'non-functional in v1.27+; use the "seccompProfile" field instead';

/** Node labels that have successors. */
export const DEPRECATED_LABELS: Readonly<Record<string, string>> = {
	"beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
	"beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
	"failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
	"failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
	"beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

const DEPRECATED_ANNOTATIONS: Readonly<Record<string, string>> = {
	"scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
	"security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
	"security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};

/** Sources of volumes that are on their way out. */
export const DEPRECATED_VOLUMES: Partial<Record<keyof Volume, string>> = {
	photonPersistentDisk: "deprecated in v1.11, non-functional in v1.16+",
	gitRepo: "deprecated in v1.11",
	scaleIO: "deprecated in v1.16, non-functional in v1.22+",
	flocker: "deprecated in v1.22, non-functional in v1.25+",
	storageos: "deprecated in v1.22, non-functional in v1.25+",
	quobyte: "deprecated in v1.22, non-functional in v1.25+",
	glusterfs: "deprecated in v1.25, non-functional in v1.26+",
	cephfs: "deprecated in v1.28, non-functional in v1.31+",
	rbd: "deprecated in v1.28, non-functional in v1.31+",
};

interface Located {
	container: EphemeralContainerCommon;
	path: string;
}

function everyLocated(spec: PodSpec, path: string): Located[] {
	return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
		(spec[list] ?? []).map((container: EphemeralContainerCommon, index) => ({ container, path: `${path}.${list}[${index}]` })),
	);
}

/** `prefix` leads to the pod or the template: "" in a pod, "spec.template." in a workload. */
export function podWarnings(spec: PodSpec | undefined, annotations: Record<string, string> | undefined, prefix: string): string[] {
	if (!spec) return [];
	const path = `${prefix}spec`;
	const located = everyLocated(spec, path);
	return [
		...nodeLabelWarnings(spec, path),
		...spreadWarnings(spec, path),
		...annotationWarnings(spec, annotations ?? {}, located, `${prefix}metadata.annotations`),
		...volumeWarnings(spec, path),
		...repeatWarnings(spec, path),
		...located.flatMap(({ container, path: at }) => [...fractionWarnings(container, at), ...environmentWarnings(container, at)]),
		...portWarnings(located),
		...graceWarnings(spec, path),
	];
}

function nodeLabelWarnings(spec: PodSpec, path: string): string[] {
	const warnings = Object.keys(spec.nodeSelector ?? {}).flatMap((key) => {
		const why = DEPRECATED_LABELS[key];
		return why ? [`${path}.nodeSelector[${key}]: ${why}`] : [];
	});
	const affinity = spec.affinity?.nodeAffinity;
	const at = `${path}.affinity.nodeAffinity`;
	const terms: [NodeSelectorTerm, string][] = [
		...(affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []).map((term, i): [NodeSelectorTerm, string] => [
			term,
			`${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`,
		]),
		...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ preference }, i): [NodeSelectorTerm, string] => [
			preference,
			`${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`,
		]),
	];
	for (const [term, where] of terms) {
		for (const [index, { key }] of (term.matchExpressions ?? []).entries()) {
			const why = DEPRECATED_LABELS[key];
			if (why) warnings.push(`${where}.matchExpressions[${index}].key: ${key} is ${why}`);
		}
	}
	return warnings;
}

function spreadWarnings(spec: PodSpec, path: string): string[] {
	return (spec.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, index) => {
		const at = `${path}.topologySpreadConstraints[${index}]`;
		const why = DEPRECATED_LABELS[topologyKey];
		return [
			...(why ? [`${at}.topologyKey: ${topologyKey} is ${why}`] : []),
			...(labelSelector ? [] : [`${at}.labelSelector: a null labelSelector results in matching no pod`]),
		];
	});
}

function annotationWarnings(spec: PodSpec, annotations: Record<string, string>, located: readonly Located[], path: string): string[] {
	const warnings: string[] = [];
	for (const [key, why] of Object.entries(DEPRECATED_ANNOTATIONS)) if (key in annotations) warnings.push(`${path}[${key}]: ${why}`);
	if (!spec.securityContext?.seccompProfile && SECCOMP_POD in annotations) warnings.push(`${path}[${SECCOMP_POD}]: ${SECCOMP_WARNING}`);
	for (const { container } of located) {
		const key = `${SECCOMP_CONTAINER}${container.name}`;
		if (!container.securityContext?.seccompProfile && key in annotations) warnings.push(`${path}[${key}]: ${SECCOMP_WARNING}`);
	}
	return warnings;
}

function volumeWarnings(spec: PodSpec, path: string): string[] {
	return (spec.volumes ?? []).flatMap((volume, index) =>
		Object.entries(DEPRECATED_VOLUMES).flatMap(([source, why]) => (volume[source as keyof Volume] ? [`${path}.volumes[${index}].${source}: ${why}`] : [])),
	);
}

/** Entries of lists that are keyed by a field and hold a key twice, or an empty one. */
function repeatWarnings(spec: PodSpec, path: string): string[] {
	const warnings: string[] = [];
	const addresses = new Set<string>();
	for (const [index, { ip }] of (spec.hostAliases ?? []).entries()) {
		if (addresses.has(ip)) warnings.push(`${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`);
		addresses.add(ip);
	}
	const names = new Set<string>();
	for (const [index, { name = "" }] of (spec.imagePullSecrets ?? []).entries()) {
		const at = `${path}.imagePullSecrets[${index}].name`;
		if (names.has(name)) warnings.push(`${at}: duplicate name ${JSON.stringify(name)}`);
		if (name === "") warnings.push(`${at}: invalid empty name ""`);
		names.add(name);
	}
	return warnings;
}

/** Memory and storage come in whole bytes. */
function fractionWarnings(container: EphemeralContainerCommon, path: string): string[] {
	return ["memory", "ephemeral-storage"].flatMap((name) =>
		(["limits", "requests"] as const).flatMap((field) => {
			const text = container.resources?.[field]?.[name];
			if (text === undefined || !isFractional(text)) return [];
			return [`${path}.resources.${field}[${name}]: fractional byte value ${JSON.stringify(text)} is invalid, must be an integer`];
		}),
	);
}

function isFractional(text: string): boolean {
	try {
		return parseQuantity(text).nano % NANO !== 0n;
	} catch (error) {
		if (error instanceof QuantityError) return false;
		throw error;
	}
}

/** A variable that is set again, unless it builds on what it was. */
function environmentWarnings(container: EphemeralContainerCommon, path: string): string[] {
	const seen = new Set<string>();
	const warnings: string[] = [];
	for (const [index, { name, value = "", valueFrom }] of (container.env ?? []).entries()) {
		const reference = `$(${name})`;
		const hides = valueFrom !== undefined || value === reference || !value.includes(reference);
		if (seen.has(name) && hides) {
			warnings.push(`${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`);
		}
		seen.add(name);
	}
	return warnings;
}

function portWarnings(located: readonly Located[]): string[] {
	const warnings: string[] = [];
	const seen = new Map<string, { port: ContainerPort; at: string }[]>();
	for (const { container, path } of located) {
		for (const [index, port] of (container.ports ?? []).entries()) {
			const at = `${path}.ports[${index}]`;
			const key = `${port.containerPort}/${port.protocol}`;
			const others = seen.get(key) ?? [];
			for (const other of others) {
				if ((port.hostIP ?? "") === (other.port.hostIP ?? "") && (port.hostPort ?? 0) === (other.port.hostPort ?? 0)) {
					warnings.push(`${at}: duplicate port definition with ${other.at}`);
				} else if (!port.hostPort || !other.port.hostPort) warnings.push(`${at}: overlapping port definition with ${other.at}`);
			}
			seen.set(key, [...others, { port, at }]);
		}
	}
	return warnings;
}

function graceWarnings(spec: PodSpec, path: string): string[] {
	if ((spec.terminationGracePeriodSeconds ?? 0) >= 0) return [];
	return [`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`];
}
