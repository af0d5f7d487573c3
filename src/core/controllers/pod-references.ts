/** The ConfigMaps and Secrets that a pod names: volumes, environment, image pull secrets. */
import type { Container, EphemeralContainer, Pod, Volume } from "../schema/kubernetes.d.ts";

export interface PodReferences {
	configMaps: Set<string>;
	secrets: Set<string>;
}

export function referencesOf(pod: Pod): PodReferences {
	const found: PodReferences = { configMaps: new Set(), secrets: new Set() };
	const { volumes = [], containers = [], initContainers = [], ephemeralContainers = [], imagePullSecrets = [] } = pod.spec ?? {};
	for (const volume of volumes) addVolume(found, volume);
	for (const container of [...containers, ...initContainers, ...ephemeralContainers]) addEnvironment(found, container);
	for (const { name } of imagePullSecrets) add(found.secrets, name);
	return found;
}

/** Its ResourceClaims, those that were made for it among them. */
export function resourceClaimsOf({ spec, status }: Pod): string[] {
	const named = (spec?.resourceClaims ?? []).map(({ resourceClaimName }) => resourceClaimName);
	const made = (status?.resourceClaimStatuses ?? []).map(({ resourceClaimName }) => resourceClaimName);
	const extended = status?.extendedResourceClaimStatus?.resourceClaimName;
	return [...named, ...made, extended].filter((name) => name !== undefined && name !== null && name !== "") as string[];
}

function add(names: Set<string>, name: string | undefined): void {
	if (name) names.add(name);
}

function addVolume(found: PodReferences, volume: Volume): void {
	add(found.configMaps, volume.configMap?.name);
	add(found.secrets, volume.secret?.secretName);
	add(found.secrets, volume.csi?.nodePublishSecretRef?.name);
	for (const source of volume.projected?.sources ?? []) {
		add(found.configMaps, source.configMap?.name);
		add(found.secrets, source.secret?.name);
	}
}

function addEnvironment(found: PodReferences, container: Container | EphemeralContainer): void {
	for (const { configMapRef, secretRef } of container.envFrom ?? []) {
		add(found.configMaps, configMapRef?.name);
		add(found.secrets, secretRef?.name);
	}
	for (const { valueFrom } of container.env ?? []) {
		add(found.configMaps, valueFrom?.configMapKeyRef?.name);
		add(found.secrets, valueFrom?.secretKeyRef?.name);
	}
}
