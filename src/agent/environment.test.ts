import { describe, expect, it } from "vitest";
import { FakeObjects, testPod } from "../../test/support/agent-node.ts";
import type { Container } from "../core/schema/kubernetes.d.ts";
import type { PodFacts } from "./downward-field.ts";
import { containerEnvironment, expand } from "./environment.ts";

const facts: PodFacts = { nodeName: "node-1", hostIPs: ["192.0.2.1"], podIPs: ["10.1.0.5"], allocatable: { cpu: "4", memory: "8Gi" } };

function environment(container: Partial<Container>, objects = new FakeObjects()): Record<string, string> {
	const full = { name: "app", image: "app:1", ...container };
	const pod = testPod({ containers: [full], serviceAccountName: "builder" }, { labels: { app: "web" }, annotations: { note: "x" } });
	return Object.fromEntries(containerEnvironment(pod, full, objects, facts).map((e) => [e.name, e.value]));
}

describe("expand", () => {
	it.each([
		["$(A)-$(B)", "1-2"],
		["$$(A)", "$(A)"],
		["$(MISSING) $A $", "$(MISSING) $A $"],
		["$(A", "$(A"],
	])("%s gives %s", (text, expected) => {
		expect(expand(text, (name) => ({ A: "1", B: "2" })[name])).toBe(expected);
	});
});

describe("containerEnvironment", () => {
	it("lets later variables refer to earlier ones and override what envFrom brought", () => {
		const objects = new FakeObjects();
		objects.addConfigMap("settings", { COLOUR: "blue", SHADE: "dark" });
		objects.addSecret("keys", { KEY: "s3cret" });
		const env = [
			{ name: "SHADE", value: "light" },
			{ name: "BOTH", value: "$(SHADE)-$(COLOUR)" },
		];
		const envFrom = [{ configMapRef: { name: "settings" } }, { prefix: "S_", secretRef: { name: "keys" } }];
		expect(environment({ env, envFrom }, objects)).toMatchObject({ COLOUR: "blue", SHADE: "light", BOTH: "light-blue", S_KEY: "s3cret" });
	});

	it("knows the pod's fields and the container's resources", () => {
		const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
		const resource = (name: string, resource: string, divisor?: string) => ({
			name,
			valueFrom: { resourceFieldRef: { resource, ...(divisor ? { divisor } : {}) } },
		});
		const env = [
			field("IP", "status.podIP"),
			field("HOST", "status.hostIP"),
			field("NODE", "spec.nodeName"),
			field("ACCOUNT", "spec.serviceAccountName"),
			field("LABEL", "metadata.labels['app']"),
			resource("CPU", "requests.cpu", "1m"),
			resource("CORES", "requests.cpu"),
			resource("MEMORY", "limits.memory", "1Mi"),
		];
		expect(environment({ env, resources: { requests: { cpu: "250m" } } })).toMatchObject({
			IP: "10.1.0.5",
			HOST: "192.0.2.1",
			NODE: "node-1",
			ACCOUNT: "builder",
			LABEL: "web",
			CPU: "250",
			CORES: "1",
			MEMORY: "8192",
		});
	});

	it("says which object or key is missing, unless it is optional", () => {
		const objects = new FakeObjects();
		objects.addConfigMap("settings", {});
		const ref = (kind: "configMapKeyRef" | "secretKeyRef", name: string, optional = false) => ({
			env: [{ name: "X", valueFrom: { [kind]: { name, key: "k", optional } } }],
		});
		expect(() => environment(ref("configMapKeyRef", "none"), objects)).toThrow('configmap "none" not found');
		expect(() => environment(ref("secretKeyRef", "none"), objects)).toThrow('secret "none" not found');
		expect(() => environment(ref("configMapKeyRef", "settings"), objects)).toThrow("couldn't find key k in ConfigMap default/settings");
		expect(environment(ref("secretKeyRef", "none", true), objects)).not.toHaveProperty("X");
		expect(environment(ref("configMapKeyRef", "settings", true), objects)).not.toHaveProperty("X");
	});

	it("names the namespace's Services and the API server's", () => {
		const objects = new FakeObjects();
		const service = (namespace: string, name: string, clusterIP: string, port: number) => ({
			namespace,
			name,
			type: "ClusterIP" as const,
			clusterIP,
			sessionAffinity: "None" as const,
			affinityTimeoutSeconds: 0,
			ports: [{ name: "http", protocol: "TCP" as const, port, endpoints: [] }],
		});
		objects.serviceEntries.push(
			service("default", "kubernetes", "10.96.0.1", 443),
			service("default", "my-db", "10.96.0.7", 5432),
			service("other", "hidden", "10.96.0.8", 1),
			service("default", "headless", "None", 1),
		);
		expect(environment({}, objects)).toEqual(
			expect.objectContaining({
				KUBERNETES_SERVICE_HOST: "10.96.0.1",
				MY_DB_SERVICE_HOST: "10.96.0.7",
				MY_DB_SERVICE_PORT_HTTP: "5432",
				MY_DB_PORT_5432_TCP: "tcp://10.96.0.7:5432",
				MY_DB_PORT_5432_TCP_ADDR: "10.96.0.7",
			}),
		);
		expect(Object.keys(environment({}, objects)).some((k) => k.startsWith("HIDDEN") || k.startsWith("HEADLESS"))).toBe(false);
	});
});
