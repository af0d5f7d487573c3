/** A container's environment: Services, envFrom, env, in kubelet's order and with its $(VAR) expansion. */
import type { Container, EnvVar, Pod } from "../core/schema/kubernetes.d.ts";
import { fieldValue, type PodFacts, resourceValue } from "./downward-field.ts";
import { configMapBytes, MissingObjectError, type ObjectSource, requireConfigMap, requireSecret, secretBytes } from "./object-source.ts";
import { serviceEnvironment } from "./service-environment.ts";

/** Throws MissingObjectError when a ConfigMap, Secret or key that is not optional is missing. */
export function containerEnvironment(pod: Pod, container: Container, objects: ObjectSource, facts: PodFacts): { name: string; value: string }[] {
	const namespace = pod.metadata.namespace ?? "default";
	const services = serviceEnvironment(objects, namespace, pod.spec?.enableServiceLinks !== false);
	const result = new Map<string, string>();
	addFromSources(namespace, container, objects, result);
	// References may name the pod's own variables first, then a Service's.
	const lookup = (name: string): string | undefined => result.get(name) ?? services.get(name);
	for (const variable of container.env ?? []) {
		const value = variable.valueFrom ? referencedValue(pod, container, variable, objects, facts) : expand(variable.value ?? "", lookup);
		if (value !== undefined) result.set(variable.name, value);
	}
	for (const [name, value] of services) if (!result.has(name)) result.set(name, value);
	return [...result].map(([name, value]) => ({ name, value }));
}

function addFromSources(namespace: string, container: Container, objects: ObjectSource, result: Map<string, string>): void {
	for (const source of container.envFrom ?? []) {
		const prefix = source.prefix ?? "";
		if (source.configMapRef) {
			const found = requireConfigMap(objects, namespace, source.configMapRef.name ?? "", source.configMapRef.optional);
			for (const [key, value] of Object.entries(found?.data ?? {})) result.set(prefix + key, value);
		}
		if (source.secretRef) {
			const found = requireSecret(objects, namespace, source.secretRef.name ?? "", source.secretRef.optional);
			for (const [key, value] of found ? secretBytes(found) : []) result.set(prefix + key, value.toString("utf8"));
		}
	}
}

function referencedValue(pod: Pod, container: Container, variable: EnvVar, objects: ObjectSource, facts: PodFacts): string | undefined {
	const from = variable.valueFrom ?? {};
	const namespace = pod.metadata.namespace ?? "default";
	if (from.fieldRef) return fieldValue(pod, facts, from.fieldRef);
	if (from.resourceFieldRef) return resourceValue(pod, container, facts, from.resourceFieldRef);
	if (from.configMapKeyRef) {
		const { name = "", key, optional } = from.configMapKeyRef;
		const found = requireConfigMap(objects, namespace, name, optional);
		return keyValue(found && configMapBytes(found), key, optional, `ConfigMap ${namespace}/${name}`);
	}
	if (from.secretKeyRef) {
		const { name = "", key, optional } = from.secretKeyRef;
		const found = requireSecret(objects, namespace, name, optional);
		return keyValue(found && secretBytes(found), key, optional, `Secret ${namespace}/${name}`);
	}
	throw new Error(`environment variable ${variable.name}: this kind of valueFrom is not supported`);
}

function keyValue(data: Map<string, Buffer> | undefined, key: string, optional: boolean | undefined, where: string): string | undefined {
	const value = data?.get(key);
	if (value === undefined && data && !optional) throw new MissingObjectError(`couldn't find key ${key} in ${where}`);
	return value?.toString("utf8");
}

/** k8s.io/kubernetes/third_party/forked/golang/expansion: $(NAME) is replaced when it is known, $$ is one dollar. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
	return text.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name?: string) => (name === undefined ? "$" : (lookup(name) ?? match)));
}
