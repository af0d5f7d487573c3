/** Objects and a kubelet for the controllers' tests. */
import { metaTime } from "../../src/core/controllers/meta-time.ts";
import { isReady } from "../../src/core/controllers/pod-state.ts";
import type { Deployment, DeploymentSpec, Pod, ReplicaSet } from "../../src/core/schema/kubernetes.d.ts";
import type { MemoryWorld } from "./memory-world.ts";

export function deployment(name: string, spec: Partial<DeploymentSpec> = {}, image = "web:1"): Deployment {
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name },
		spec: {
			replicas: 3,
			selector: { matchLabels: { app: name } },
			template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "main", image }] } },
			strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
			revisionHistoryLimit: 10,
			progressDeadlineSeconds: 600,
			...spec,
		},
	};
}

export const setImage = (world: MemoryWorld, name: string, image: string): void =>
	world.edit<Deployment>("apps/deployments", name, ({ spec }) => {
		const container = spec?.template.spec?.containers[0];
		if (container) container.image = image;
	});

export const pods = (world: MemoryWorld): Pod[] => world.list<Pod>("pods");
export const replicaSets = (world: MemoryWorld): ReplicaSet[] => world.list<ReplicaSet>("apps/replicasets");
export const imageOf = (pod: Pod): string => pod.spec?.containers[0]?.image ?? "";

/** Gives the pod a node and makes it ready, as scheduler and kubelet do. */
export function start(world: MemoryWorld, name: string): void {
	world.edit<Pod>("pods", name, (pod) => {
		if (pod.spec) pod.spec.nodeName ??= "node-1";
		pod.status = { phase: "Running", podIP: "10.244.0.9", conditions: [{ type: "Ready", status: "True", lastTransitionTime: metaTime(world.nowMs) }] };
	});
}

/** What a kubelet does in one step: ends pods that are being deleted, starts those that can start. */
export function kubelet(world: MemoryWorld, canStart: (pod: Pod) => boolean = () => true): void {
	for (const pod of pods(world)) {
		const name = pod.metadata.name ?? "";
		if (pod.metadata.deletionTimestamp) world.remove("pods", name, { gracePeriodSeconds: 0 });
		else if (!isReady(pod) && canStart(pod)) start(world, name);
	}
}

/** Runs controllers and kubelet until neither has anything to do. */
export function settle(world: MemoryWorld, canStart: (pod: Pod) => boolean = () => true): void {
	let before: string;
	do {
		before = fingerprint(world);
		world.drain();
		kubelet(world, canStart);
		world.drain();
	} while (before !== fingerprint(world));
}

const fingerprint = (world: MemoryWorld): string =>
	pods(world)
		.map((pod) => `${pod.metadata.name}@${pod.metadata.resourceVersion}`)
		.join();
