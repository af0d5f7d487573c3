/** Request counts and latencies of this isolate, and its Durable Objects' wakes, as Prometheus reads them. */
import { reconcileCounts } from "../objects/reconcile-count.ts";
import { wakeCounts } from "../objects/wake-count.ts";

/** Upper bounds in seconds: a part of upstream's apiserver_request_duration_seconds. */
const BUCKETS_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30] as const;
/** Series an isolate keeps; what comes after is counted as "other". */
const MAX_SERIES = 2_000;

interface Histogram {
	buckets: number[];
	sumSeconds: number;
	count: number;
}

const counts = new Map<string, number>();
const latencies = new Map<string, Histogram>();

const escapeLabel = (value: string): string => value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
const labels = (pairs: Record<string, string>): string =>
	Object.entries(pairs)
		.map(([name, value]) => `${name}="${escapeLabel(value)}"`)
		.join(",");

/** The labels of a series by what it counts, made once. */
const known = new Map<string, string>();

function labelled<T>(series: Map<string, T>, key: string, pairs: () => Record<string, string>): string {
	let text = known.get(key);
	if (text === undefined) {
		text = labels(pairs());
		if (!series.has(text) && series.size >= MAX_SERIES)
			return labels(Object.fromEntries(Object.keys(pairs()).map((name) => [name, name === "code" ? "0" : "other"])));
		known.set(key, text);
	}
	return text;
}

/** `resource` is "" for what is no resource request. */
export function recordRequest(verb: string, resource: string, code: number, seconds: number): void {
	const countKey = labelled(counts, `${verb}\n${resource}\n${code}`, () => ({ verb, resource, code: String(code) }));
	counts.set(countKey, (counts.get(countKey) ?? 0) + 1);
	const latencyKey = labelled(latencies, `${verb}\n${resource}`, () => ({ verb, resource }));
	const histogram = latencies.get(latencyKey) ?? { buckets: BUCKETS_SECONDS.map(() => 0), sumSeconds: 0, count: 0 };
	for (let at = 0; at < BUCKETS_SECONDS.length; at++) if (seconds <= (BUCKETS_SECONDS[at] as number)) histogram.buckets[at] = (histogram.buckets[at] ?? 0) + 1;
	histogram.sumSeconds += seconds;
	histogram.count += 1;
	latencies.set(latencyKey, histogram);
}

function histogramLines(series: string, { buckets, sumSeconds, count }: Histogram): string[] {
	const name = "apiserver_request_duration_seconds";
	return [
		...BUCKETS_SECONDS.map((bound, at) => `${name}_bucket{${series},le="${bound}"} ${buckets[at] ?? 0}`),
		`${name}_bucket{${series},le="+Inf"} ${count}`,
		`${name}_sum{${series}} ${sumSeconds}`,
		`${name}_count{${series}} ${count}`,
	];
}

/** `inFlight`: requests being served now. */
export function metricsText(inFlight: number): string {
	const lines = [
		"# HELP apiserver_request_total Requests by verb, resource and code.",
		"# TYPE apiserver_request_total counter",
		...[...counts].map(([series, count]) => `apiserver_request_total{${series}} ${count}`),
		"# HELP apiserver_request_duration_seconds Latency in seconds by verb and resource.",
		"# TYPE apiserver_request_duration_seconds histogram",
		...[...latencies].flatMap(([series, histogram]) => histogramLines(series, histogram)),
		"# HELP apiserver_current_inflight_requests Requests being served.",
		"# TYPE apiserver_current_inflight_requests gauge",
		`apiserver_current_inflight_requests ${inFlight}`,
		"# HELP petrel_object_wakes_total Durable Objects that came into memory, by class.",
		"# TYPE petrel_object_wakes_total counter",
		...wakeCounts().map(([objectClass, { wakes }]) => `petrel_object_wakes_total{${labels({ class: objectClass })}} ${wakes}`),
		"# HELP petrel_object_alarms_total Alarms of Durable Objects, by class.",
		"# TYPE petrel_object_alarms_total counter",
		...wakeCounts().map(([objectClass, { alarms }]) => `petrel_object_alarms_total{${labels({ class: objectClass })}} ${alarms}`),
		'# HELP petrel_controller_reconciles_total Reconciles by controller and result; "refused": the API would not have what the controller creates.',
		"# TYPE petrel_controller_reconciles_total counter",
		...reconcileCounts().flatMap(([controller, count]) =>
			Object.entries(count).map(([result, total]) => `petrel_controller_reconciles_total{${labels({ controller, result })}} ${total}`),
		),
	];
	return `${lines.join("\n")}\n`;
}
