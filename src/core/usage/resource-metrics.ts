/** From what agents report to the objects of metrics.k8s.io (sigs.k8s.io/metrics-server, pkg/api). */
import type { KubeObject } from "../meta/object.ts";
import type { NodeUsage, ResourceUsage } from "../protocol/agent-protocol.ts";
import { canonicalQuantity, quantityOf, quantityText } from "../quantity/quantity.ts";
import { durationText } from "../schema/duration-text.ts";
import type { NodeMetrics, PodMetrics } from "../schema/kubernetes.d.ts";

export const METRICS_API_VERSION = "metrics.k8s.io/v1beta1";
const NANOS_PER_MS = 1_000_000n;

/** An object whose usage is asked for, and the node that can tell. */
export interface UsageTarget {
	metadata: KubeObject["metadata"];
	node: string;
}

const resources = ({ cpuNanoCores, memoryBytes }: ResourceUsage): Record<string, string> => ({
	cpu: canonicalQuantity(`${Math.round(cpuNanoCores)}n`),
	memory: quantityText(quantityOf(Math.round(memoryBytes), "BinarySI")),
});

/** `nowMs` is when this is shown: metrics bear no other time of creation. */
const head = (kind: string, { metadata: { name, namespace, labels } }: UsageTarget, usage: NodeUsage, nowMs: number) => ({
	kind,
	apiVersion: METRICS_API_VERSION,
	metadata: { name, ...(namespace ? { namespace } : {}), creationTimestamp: iso(nowMs), ...(labels ? { labels } : {}) },
	timestamp: iso(usage.timestampMs),
	window: durationText(BigInt(Math.round(usage.windowMs)) * NANOS_PER_MS),
});

const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export const nodeMetricsOf = (target: UsageTarget, usage: NodeUsage, nowMs: number): NodeMetrics => ({
	...head("NodeMetrics", target, usage, nowMs),
	usage: resources(usage.node),
});

/** undefined for a pod that its node says nothing of. */
export function podMetricsOf(target: UsageTarget, usage: NodeUsage, nowMs: number): PodMetrics | undefined {
	const found = usage.pods.find(({ pod }) => pod.uid === target.metadata.uid);
	if (found === undefined) return undefined;
	const containers = found.containers.map(({ name, ...used }) => ({ name, usage: resources(used) }));
	return { ...head("PodMetrics", target, usage, nowMs), containers };
}
