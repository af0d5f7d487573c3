/** Kubelet's /stats/summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1): CPU, memory, disk and processes. */
import type { NodeUsage } from "../../core/protocol/agent-protocol.ts";
import { timestamp } from "../clock.ts";
import type { Observation } from "../eviction/thresholds.ts";
import type { UsageTotals } from "./usage-meter.ts";

interface Used {
	cpuNanoCores?: number;
	cpuNanos: number;
	memoryBytes: number;
}

const stats = (atMs: number, { cpuNanoCores, cpuNanos, memoryBytes }: Used): object => ({
	cpu: {
		time: timestamp(atMs),
		...(cpuNanoCores === undefined ? {} : { usageNanoCores: cpuNanoCores }),
		usageCoreNanoSeconds: cpuNanos,
	},
	memory: { time: timestamp(atMs), workingSetBytes: memoryBytes },
});

/** The node's disk, which holds everything: images, containers, logs and volumes. */
const fsStats = (atMs: number, { bytes, inodes }: NodeDisk): object => ({
	time: timestamp(atMs),
	availableBytes: bytes.available,
	capacityBytes: bytes.capacity,
	usedBytes: bytes.capacity - bytes.available,
	...(inodes ? { inodesFree: inodes.available, inodes: inodes.capacity, inodesUsed: inodes.capacity - inodes.available } : {}),
});

const rootfs = (atMs: number, used: { bytes: number; inodes: number } | undefined): object =>
	used ? { rootfs: { time: timestamp(atMs), usedBytes: used.bytes, inodesUsed: used.inodes } } : {};

interface NodeDisk {
	bytes: Observation;
	inodes: Observation | undefined;
}

/** What of the machine the summary tells beside its use. */
export interface MachineFacts {
	disk: NodeDisk | undefined;
	memoryBytes: number;
	startedAtMs: number;
	processes: Observation | undefined;
	/** What pods' volumes hold, by the pod's uid. */
	volumes?: ReadonlyMap<string, object[]>;
}

/** Rates of `usage` beside the counters of `totals`. */
export function statsSummary(nodeName: string, usage: NodeUsage, { atMs, machine, pods }: UsageTotals, facts: MachineFacts): object {
	const { disk, processes } = facts;
	const whole = stats(atMs, { ...machine, cpuNanoCores: usage.node.cpuNanoCores }) as { memory: object };
	const rates = new Map(usage.pods.map(({ pod, containers }) => [pod.uid, new Map(containers.map(({ name, cpuNanoCores }) => [name, cpuNanoCores]))]));
	return {
		node: {
			nodeName,
			startTime: timestamp(facts.startedAtMs),
			...whole,
			memory: { ...whole.memory, availableBytes: Math.max(0, facts.memoryBytes - machine.memoryBytes) },
			...(disk ? { fs: fsStats(atMs, disk), runtime: { imageFs: fsStats(atMs, disk), containerFs: fsStats(atMs, disk) } } : {}),
			...(processes ? { rlimit: { time: timestamp(atMs), maxpid: processes.capacity, curproc: processes.capacity - processes.available } } : {}),
		},
		pods: pods
			.filter(({ containers }) => containers.length > 0)
			.map(({ pod, containers }) => {
				const used = containers.map((one) => ({ ...one, cpuNanoCores: rates.get(pod.uid)?.get(one.name) }));
				const sum = (of: (one: (typeof used)[number]) => number): number => used.reduce((total, one) => total + of(one), 0);
				const sums = { cpuNanos: sum(({ cpuNanos }) => cpuNanos), memoryBytes: sum(({ memoryBytes }) => memoryBytes) };
				const known = used.every(({ cpuNanoCores }) => cpuNanoCores !== undefined);
				return {
					podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
					startTime: timestamp(Math.min(...used.map(({ startedAtMs }) => startedAtMs))),
					containers: used.map(({ name, startedAtMs, cpuNanoCores, id: _id, disk: written, ...one }) => ({
						name,
						startTime: timestamp(startedAtMs),
						...stats(one.atMs, { ...one, ...(cpuNanoCores === undefined ? {} : { cpuNanoCores }) }),
						...rootfs(one.atMs, written),
					})),
					...(facts.volumes?.has(pod.uid) ? { volume: facts.volumes.get(pod.uid) } : {}),
					...stats(atMs, { ...sums, ...(known ? { cpuNanoCores: sum(({ cpuNanoCores = 0 }) => cpuNanoCores) } : {}) }),
				};
			}),
	};
}
