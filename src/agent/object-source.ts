/** The ConfigMaps, Secrets and Services that this node's pods read, as the last poll left them. */
import type { ServiceEntry } from "../core/protocol/agent-protocol.ts";
import type { ConfigMap, Secret } from "../core/schema/kubernetes.d.ts";

export interface ObjectSource {
	configMap(namespace: string, name: string): ConfigMap | undefined;
	secret(namespace: string, name: string): Secret | undefined;
	services(namespace: string): readonly ServiceEntry[];
}

/** What a pod asks for is not there (yet): kubelet's CreateContainerConfigError or FailedMount. */
export class MissingObjectError extends Error {
	constructor(message: string) {
		super(message);
		this.name = "MissingObjectError";
	}
}

export function requireConfigMap(objects: ObjectSource, namespace: string, name: string, optional: boolean | undefined): ConfigMap | undefined {
	const found = objects.configMap(namespace, name);
	if (!found && !optional) throw new MissingObjectError(`configmap ${JSON.stringify(name)} not found`);
	return found;
}

export function requireSecret(objects: ObjectSource, namespace: string, name: string, optional: boolean | undefined): Secret | undefined {
	const found = objects.secret(namespace, name);
	if (!found && !optional) throw new MissingObjectError(`secret ${JSON.stringify(name)} not found`);
	return found;
}

/** Keys to bytes, `data` and `binaryData` together. */
export function configMapBytes(configMap: ConfigMap): Map<string, Buffer> {
	const out = new Map<string, Buffer>();
	for (const [key, text] of Object.entries(configMap.data ?? {})) out.set(key, Buffer.from(text));
	for (const [key, encoded] of Object.entries(configMap.binaryData ?? {})) out.set(key, Buffer.from(encoded, "base64"));
	return out;
}

export function secretBytes(secret: Secret): Map<string, Buffer> {
	return new Map(Object.entries(secret.data ?? {}).map(([key, encoded]) => [key, Buffer.from(encoded, "base64")]));
}
