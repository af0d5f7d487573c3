/** Kubelet's /metrics/cadvisor, with cAdvisor's names and labels: what dashboards of containers read. */
import type { Container, Pod } from "../../core/schema/kubernetes.d.ts";
import { parseQuantityNumber } from "../quantity-number.ts";
import { family, type Sample } from "./metrics-text.ts";
import type { UsageTotals } from "./usage-meter.ts";

const NANOS_PER_SECOND = 1e9;
const MS_PER_SECOND = 1000;
const CPU_PERIOD_US = 100_000;
const SHARES_PER_CPU = 1024;
const SHARES_MIN = 2;

type Measured = UsageTotals["pods"][number]["containers"][number];

interface Row {
	labels: Record<string, string>;
	measured: Measured;
	container: Container | undefined;
}

function rowsOf(totals: UsageTotals, pods: readonly Pod[]): Row[] {
	const byUid = new Map(pods.map((pod) => [pod.metadata.uid, pod]));
	return totals.pods.flatMap(({ pod: { name, namespace, uid }, containers }) =>
		containers.map((measured) => {
			const pod = byUid.get(uid);
			const container = [...(pod?.spec?.containers ?? []), ...(pod?.spec?.initContainers ?? [])].find((one) => one.name === measured.name);
			const id = `/kubepods/pod${uid}/${measured.id}`;
			return { labels: { container: measured.name, id, image: container?.image ?? "", name: measured.id, namespace, pod: name }, measured, container };
		}),
	);
}

const amount = (container: Container | undefined, side: "limits" | "requests", resource: string): number => {
	const text = container?.resources?.[side]?.[resource];
	return text === undefined ? 0 : parseQuantityNumber(text);
};

/** One line each: name, type, help and the value, or undefined where there is none. */
const OF_CONTAINERS: readonly [name: string, type: "counter" | "gauge", help: string, value: (row: Row) => number | undefined][] = [
	["container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.", ({ measured }) => measured.cpuNanos / NANOS_PER_SECOND],
	["container_memory_working_set_bytes", "gauge", "Current working set in bytes.", ({ measured }) => measured.memoryBytes],
	["container_fs_usage_bytes", "gauge", "Number of bytes that are consumed by the container on this filesystem.", ({ measured }) => measured.disk?.bytes],
	["container_fs_inodes_total", "gauge", "Number of Inodes", ({ measured }) => measured.disk?.inodes],
	[
		"container_spec_cpu_period",
		"gauge",
		"CPU period of the container.",
		({ container }) => (amount(container, "limits", "cpu") > 0 ? CPU_PERIOD_US : undefined),
	],
	[
		"container_spec_cpu_quota",
		"gauge",
		"CPU quota of the container.",
		({ container }) => (amount(container, "limits", "cpu") > 0 ? amount(container, "limits", "cpu") * CPU_PERIOD_US : undefined),
	],
	[
		"container_spec_cpu_shares",
		"gauge",
		"CPU share of the container.",
		({ container }) => Math.max(SHARES_MIN, Math.floor(amount(container, "requests", "cpu") * SHARES_PER_CPU)),
	],
	["container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.", ({ container }) => amount(container, "limits", "memory")],
	[
		"container_start_time_seconds",
		"gauge",
		"Start time of the container since unix epoch in seconds.",
		({ measured }) => Math.floor(measured.startedAtMs / MS_PER_SECOND),
	],
];

export function cadvisorMetricsText(totals: UsageTotals, pods: readonly Pod[], machine: { cores: number; memoryBytes: number }): string {
	const rows = rowsOf(totals, pods);
	const samples = (value: (row: Row) => number | undefined): Sample[] =>
		rows.flatMap((row) => {
			const one = value(row);
			return one === undefined ? [] : [{ labels: row.labels, value: one, atMs: row.measured.atMs }];
		});
	const lines = [
		...OF_CONTAINERS.flatMap(([name, type, help, value]) => family(name, type, help, samples(value))),
		...family("machine_cpu_cores", "gauge", "Number of logical CPU cores.", [{ labels: {}, value: machine.cores }]),
		...family("machine_memory_bytes", "gauge", "Amount of memory installed on the machine.", [{ labels: {}, value: machine.memoryBytes }]),
		...family("container_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise", [{ labels: {}, value: 0 }]),
	];
	return `${lines.join("\n")}\n`;
}
