/** Objects that the tests write, and where they live. */
import type { Pod, Secret } from "../../../src/core/schema/kubernetes.d.ts";
import type { KubeObject } from "../../../src/core/meta/object.ts";

export type ConfigMap = KubeObject & { data?: Record<string, string> };
export interface List<T> {
	kind: string;
	metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
	items: T[];
}

export const configMaps = (namespace = "default"): string => `/api/v1/namespaces/${namespace}/configmaps`;
export const configMap = (name: string, data?: Record<string, string>): ConfigMap => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name },
	...(data ? { data } : {}),
});
export const secret = (name: string, stringData: Record<string, string>): Secret => ({ apiVersion: "v1", kind: "Secret", metadata: { name }, stringData });
export const namespace = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

export const pods = (name = ""): string => `/api/v1/namespaces/default/pods${name === "" ? "" : `/${name}`}`;
export const pod = (name: string): Pod => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name },
	spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: "example" }] },
});
