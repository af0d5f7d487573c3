/** The bundled example: a Deployment of three and a Service, rolled out through the API like any user's. */
import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { EXAMPLE_PORT } from "../agent/image/example-image.ts";
import type { Deployment, Node, Service } from "../core/schema/kubernetes.d.ts";
import type { ApiClient } from "./api-client.ts";
import { CliError } from "./cli-error.ts";

const NAMESPACE = "default";
const REPLICAS = 3;
const LABELS = { app: "hello" };
const ROLLOUT_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 100;
const HTTP_TIMEOUT_MS = 2_000;

function deployment(image: string): Deployment {
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "hello", labels: LABELS },
		spec: {
			replicas: REPLICAS,
			selector: { matchLabels: LABELS },
			template: {
				metadata: { labels: LABELS },
				spec: {
					terminationGracePeriodSeconds: 5,
					containers: [
						{
							name: "hello",
							image,
							imagePullPolicy: "IfNotPresent",
							ports: [{ name: "http", containerPort: EXAMPLE_PORT }],
							env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
							resources: { requests: { cpu: "10m", memory: "16Mi" } },
							readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 2 },
						},
					],
				},
			},
		},
	};
}

const service: Service = {
	apiVersion: "v1",
	kind: "Service",
	metadata: { name: "hello", labels: LABELS },
	spec: { type: "NodePort", selector: LABELS, ports: [{ name: "http", port: 80, targetPort: "http" }] },
};

/** Creates the example, or makes it what it should be; answers its node port. */
export async function applyExample(client: ApiClient, image: string): Promise<number> {
	await client.apply(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/hello`, deployment(image));
	const applied = await client.apply<Service>(`/api/v1/namespaces/${NAMESPACE}/services/hello`, service);
	const nodePort = applied.spec?.ports?.[0]?.nodePort;
	if (nodePort === undefined) throw new Error("the example's Service was given no node port");
	return nodePort;
}

export async function waitForExample(client: ApiClient): Promise<void> {
	const deadline = performance.now() + ROLLOUT_TIMEOUT_MS;
	for (;;) {
		const { status, metadata } = await client.call<Deployment>("GET", `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/hello`);
		if ((status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) && (status?.availableReplicas ?? 0) >= REPLICAS) return;
		if (performance.now() > deadline) {
			throw new CliError(
				`The example has ${status?.availableReplicas ?? 0} of ${REPLICAS} pods available after ${ROLLOUT_TIMEOUT_MS / 1000} s.`,
				"See why with `kubectl describe pods -l app=hello`.",
			);
		}
		await delay(POLL_INTERVAL_MS);
	}
}

function fetchText(url: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const call = get(url, { timeout: HTTP_TIMEOUT_MS, agent: false }, (response) => {
			const chunks: Buffer[] = [];
			response.on("data", (chunk: Buffer) => chunks.push(chunk));
			response.on("error", reject);
			response.on("end", () =>
				response.statusCode === 200 ? resolve(Buffer.concat(chunks).toString().trim()) : reject(new Error(`${url}: HTTP ${response.statusCode}`)),
			);
		});
		call.on("timeout", () => call.destroy(new Error(`${url}: no answer`)));
		call.on("error", reject);
	});
}

/** Asks the Service's node port until it answers; a node that has just started again may need a moment. */
export async function askExample(client: ApiClient, nodeName: string, nodePort: number): Promise<{ url: string; answer: string }> {
	const node = await client.call<Node>("GET", `/api/v1/nodes/${nodeName}`);
	const address = node.status?.addresses?.find((entry) => entry.type === "InternalIP")?.address ?? "127.0.0.1";
	const url = `http://${address.includes(":") ? `[${address}]` : address}:${nodePort}/`;
	const deadline = performance.now() + ANSWER_TIMEOUT_MS;
	for (;;) {
		try {
			return { url, answer: await fetchText(url) };
		} catch (error) {
			if (performance.now() > deadline)
				throw new CliError(`The example does not answer at ${url}: ${(error as Error).message}.`, "See its pods with `kubectl get pods -o wide`.", {
					cause: error,
				});
			await delay(POLL_INTERVAL_MS);
		}
	}
}
