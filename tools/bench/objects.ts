/** What the benchmark writes. */
import { randomBytes } from "node:crypto";
import type { Call } from "./load.ts";

const CONFIG_MAP_BYTES = 1024;

export const namespacePath = (namespace: string): string => `/api/v1/namespaces/${namespace}`;

/** A ConfigMap whose JSON is 1 KiB that does not compress to nothing. */
export function configMap(name: string, metadata: Record<string, unknown> = {}): string {
	const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data: { payload: "" } };
	const left = CONFIG_MAP_BYTES - JSON.stringify(object).length;
	object.data.payload = randomBytes(Math.ceil(left / 2))
		.toString("hex")
		.slice(0, left);
	return JSON.stringify(object);
}

/** A pod that no scheduler takes; one in a hundred has the label shard=s7. */
export function pod(name: string, index: number): string {
	const resources = { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "100m", memory: "64Mi" } };
	const env = [{ name: "INDEX", value: String(index) }];
	const container = { name: "main", image: "example/none:1", resources, env, ports: [{ containerPort: 8080, name: "http" }] };
	return JSON.stringify({
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, labels: { app: "bench", shard: `s${index % 100}`, parity: index % 2 ? "odd" : "even" } },
		spec: { schedulerName: "nobody", terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [container] },
	});
}

export const createIn = (namespace: string, collection: "configmaps" | "pods", body: string): Call => ({
	method: "POST",
	path: `${namespacePath(namespace)}/${collection}`,
	body,
});

export const createNamespace = (name: string): Call => ({
	method: "POST",
	path: "/api/v1/namespaces",
	body: JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name } }),
});
