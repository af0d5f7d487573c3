/** How long pods take from the request that creates their Deployment to Ready. */
import { EXAMPLE_IMAGE_REF, EXAMPLE_PORT } from "../../src/agent/image/example-image.ts";
import type { Pod } from "../../src/core/schema/kubernetes.d.ts";
import { Client, type Target } from "./load.ts";

const START_TIMEOUT_MS = 300_000;
const base = "/api/v1/namespaces/default/pods";
const deployments = "/apis/apps/v1/namespaces/default/deployments";

function deployment(name: string, replicas: number): string {
	const labels = { bench: name };
	const env = [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }];
	const container = { name: "main", image: EXAMPLE_IMAGE_REF, ports: [{ containerPort: EXAMPLE_PORT }], env };
	const spec = { terminationGracePeriodSeconds: 1, containers: [container] };
	return JSON.stringify({
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name },
		spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
	});
}

const isReady = (pod: Pod): boolean => pod.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;

/**
 * Creates a Deployment, waits until all its pods are ready, deletes it and waits until they are gone. Milliseconds from the request until
 * each pod was Ready; `meanwhile` is done while all of them run.
 */
export async function measurePodStart(target: Target, replicas: number, meanwhile: () => Promise<void> = async () => {}): Promise<number[]> {
	const client = new Client(target, 4);
	const name = `bench-${replicas}`;
	const readyAtMs = new Map<string, number>();
	const gone = new Set<string>();
	let changed: () => void = () => {};
	const close = await client.watch(`${base}?watch=1&labelSelector=bench%3D${name}`, (line, atMs) => {
		const event = JSON.parse(line) as { type: string; object: Pod };
		const pod = event.object.metadata?.name ?? "";
		if (event.type === "DELETED") gone.add(pod);
		else if (isReady(event.object) && !readyAtMs.has(pod)) readyAtMs.set(pod, atMs);
		changed();
	});
	const until = (condition: () => boolean, what: string): Promise<void> =>
		new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`${what} took longer than ${START_TIMEOUT_MS / 1000} s`)), START_TIMEOUT_MS);
			changed = () => {
				if (!condition()) return;
				clearTimeout(timer);
				resolve();
			};
			changed();
		});
	const startMs = performance.now();
	await client.send({ method: "POST", path: deployments, body: deployment(name, replicas) });
	await until(() => readyAtMs.size >= replicas, `starting ${replicas} pods`);
	const times = [...readyAtMs.values()].map((atMs) => atMs - startMs);
	await meanwhile();
	await client.send({ method: "DELETE", path: `${deployments}/${name}?propagationPolicy=Background` });
	await until(() => gone.size >= replicas, `removing ${replicas} pods`);
	close();
	client.close();
	return times;
}
