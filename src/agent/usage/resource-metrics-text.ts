/** Kubelet's /metrics/resource: what metrics-server and Prometheus scrape (pkg/kubelet/metrics/collectors/resource_metrics.go). */
import { family, type Sample } from "./metrics-text.ts";
import type { UsageTotals } from "./usage-meter.ts";

const NANOS_PER_SECOND = 1e9;
const MS_PER_SECOND = 1000;

const stable = (name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string[] => family(name, type, `[STABLE] ${help}`, samples);

export function resourceMetricsText({ atMs, machine, pods }: UsageTotals): string {
	const containers = pods.flatMap(({ pod: { name, namespace }, containers: all }) =>
		all.map((one) => ({ ...one, labels: { container: one.name, namespace, pod: name } })),
	);
	const whole = pods
		.filter(({ containers: all }) => all.length > 0)
		.map(({ pod: { name, namespace }, containers: all }) => ({
			labels: { namespace, pod: name },
			cpuNanos: all.reduce((sum, { cpuNanos }) => sum + cpuNanos, 0),
			memoryBytes: all.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
		}));
	const lines = [
		...stable(
			"container_cpu_usage_seconds_total",
			"counter",
			"Cumulative cpu time consumed by the container in core-seconds",
			containers.map((one) => ({ labels: one.labels, value: one.cpuNanos / NANOS_PER_SECOND, atMs: one.atMs })),
		),
		...stable(
			"container_memory_working_set_bytes",
			"gauge",
			"Current working set of the container in bytes",
			containers.map((one) => ({ labels: one.labels, value: one.memoryBytes, atMs: one.atMs })),
		),
		...stable(
			"container_start_time_seconds",
			"gauge",
			"Start time of the container since unix epoch in seconds",
			containers.map((one) => ({ labels: one.labels, value: one.startedAtMs / MS_PER_SECOND })),
		),
		...stable("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds", [
			{ labels: {}, value: machine.cpuNanos / NANOS_PER_SECOND, atMs },
		]),
		...stable("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes", [{ labels: {}, value: machine.memoryBytes, atMs }]),
		...stable(
			"pod_cpu_usage_seconds_total",
			"counter",
			"Cumulative cpu time consumed by the pod in core-seconds",
			whole.map(({ labels, cpuNanos }) => ({ labels, value: cpuNanos / NANOS_PER_SECOND, atMs })),
		),
		...stable(
			"pod_memory_working_set_bytes",
			"gauge",
			"Current working set of the pod in bytes",
			whole.map(({ labels, memoryBytes }) => ({ labels, value: memoryBytes, atMs })),
		),
		...stable("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise", [{ labels: {}, value: 0 }]),
	];
	return `${lines.join("\n")}\n`;
}
