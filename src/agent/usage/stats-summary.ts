/** Kubelet's /stats/summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1), as far as CPU and memory go. */
import type { NodeUsage } from "../../core/protocol/agent-protocol.ts";
import { timestamp } from "../clock.ts";
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

/** Rates of `usage` beside the counters of `totals`. */
export function statsSummary(nodeName: string, usage: NodeUsage, { atMs, machine, pods }: UsageTotals): object {
	const rates = new Map(usage.pods.map(({ pod, containers }) => [pod.uid, new Map(containers.map(({ name, cpuNanoCores }) => [name, cpuNanoCores]))]));
	return {
		node: { nodeName, ...stats(atMs, { ...machine, cpuNanoCores: usage.node.cpuNanoCores }) },
		pods: pods
			.filter(({ containers }) => containers.length > 0)
			.map(({ pod, containers }) => {
				const used = containers.map((one) => ({ ...one, cpuNanoCores: rates.get(pod.uid)?.get(one.name) }));
				const sum = (of: (one: (typeof used)[number]) => number): number => used.reduce((total, one) => total + of(one), 0);
				const whole = { cpuNanos: sum(({ cpuNanos }) => cpuNanos), memoryBytes: sum(({ memoryBytes }) => memoryBytes) };
				const known = used.every(({ cpuNanoCores }) => cpuNanoCores !== undefined);
				return {
					podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
					startTime: timestamp(Math.min(...used.map(({ startedAtMs }) => startedAtMs))),
					containers: used.map(({ name, startedAtMs, cpuNanoCores, ...one }) => ({
						name,
						startTime: timestamp(startedAtMs),
						...stats(one.atMs, { ...one, ...(cpuNanoCores === undefined ? {} : { cpuNanoCores }) }),
					})),
					...stats(atMs, { ...whole, ...(known ? { cpuNanoCores: sum(({ cpuNanoCores = 0 }) => cpuNanoCores) } : {}) }),
				};
			}),
	};
}
