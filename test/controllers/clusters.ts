/** Nodes and pods for the scheduler's tests. */
import { type Decisions, Scheduler } from "../../src/core/scheduler/scheduler.ts";
import type { Node, Pod, PodSpec, Taint } from "../../src/core/schema/kubernetes.d.ts";

export interface NodeOptions {
	labels?: Record<string, string>;
	cpu?: string;
	memory?: string;
	pods?: string;
	taints?: Taint[];
	unschedulable?: boolean;
}

export function node(name: string, { labels = {}, cpu = "4", memory = "8Gi", pods = "110", taints = [], unschedulable = false }: NodeOptions = {}): Node {
	return {
		apiVersion: "v1",
		kind: "Node",
		metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
		spec: { taints, unschedulable },
		status: { allocatable: { cpu, memory, pods } },
	};
}

export interface PodOptions {
	labels?: Record<string, string>;
	cpu?: string;
	memory?: string;
	owner?: string;
	spec?: Partial<PodSpec>;
}

let serial = 0;

export function pod(name: string, { labels = {}, cpu, memory, owner, spec = {} }: PodOptions = {}): Pod {
	const requests = { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) };
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name,
			namespace: "default",
			uid: `uid-${name}-${++serial}`,
			labels,
			...(owner ? { ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: `uid-${owner}`, controller: true }] } : {}),
		},
		spec: { containers: [{ name: "main", image: "web:1", resources: { requests } }], ...spec },
	};
}

export function schedulerOf(...nodes: Node[]): Scheduler {
	const scheduler = new Scheduler();
	for (const each of nodes) scheduler.setNode(each, 0);
	return scheduler;
}

export const CONTEXT = { nowMs: 0, random: () => 0 };

/** Asks for nodes for the pods and decides. */
export function schedule(scheduler: Scheduler, pods: readonly Pod[], ctx = CONTEXT): Decisions {
	for (const each of pods) scheduler.ask({ pod: each });
	return scheduler.run(ctx, Number.POSITIVE_INFINITY);
}

/** Where the pods go, by name; for those that go nowhere, why. */
export function outcome(scheduler: Scheduler, ...pods: Pod[]): Record<string, string> {
	const { bindings, unplaced } = schedule(scheduler, pods);
	return Object.fromEntries([...bindings.map(({ ref, node }) => [ref.name, node]), ...unplaced.map(({ pod, message }) => [pod.name, message])]);
}
