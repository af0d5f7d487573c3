/** What a metric says of each pod, in thousandths of its unit, as the HPA controller's metrics client hands it on. */
import type { NodeUsage } from "../../protocol/agent-protocol.ts";
import type { LabelSelector, Pod } from "../../schema/kubernetes.d.ts";
import type { ExtensionContent } from "../extension-content.ts";
import type { ProbeOutcome } from "../apiservice/availability.ts";
import { nameOf, namespaceOf, uidOf } from "../identity.ts";

export interface PodSample {
	/** Thousandths: millicores, or bytes times a thousand. */
	value: number;
	timestampMs: number;
	windowMs: number;
}

/** By the pod's name. */
export type Samples = Map<string, PodSample>;

/** A question that an adapter of custom.metrics.k8s.io or external.metrics.k8s.io answers. */
export type MetricQuery =
	| { api: "pods"; metric: string; metricSelector?: LabelSelector; podSelector: string }
	| { api: "object"; metric: string; metricSelector?: LabelSelector; object: { apiVersion?: string; kind: string; name: string } }
	| { api: "external"; metric: string; metricSelector?: LabelSelector };

/** Values in thousandths; of "pods" by the pod's name. */
export type MetricAnswer = { ok: true; values: { name: string; value: number; timestampMs: number; windowMs: number }[] } | { ok: false; message: string };

/** What was had from elsewhere for one look at one autoscaler. */
export interface Gathered {
	atMs: number;
	/** By node; null for one whose agent did not answer. */
	usages: Record<string, NodeUsage | null>;
	/** By `queryKey`. */
	metrics: Record<string, MetricAnswer>;
	/** Of the extension API server that was looked at. */
	probe?: ProbeOutcome;
	/** Of what extension API servers keep in the namespace. */
	content?: ExtensionContent;
}

export const queryKey = (query: MetricQuery): string => JSON.stringify(query);

const MILLI = 1000;
const NANO_CORES_PER_MILLI = 1_000_000;

/** Samples of a resource; throws upstream's words when there are none. `container` "" takes all of a pod's. */
export function resourceSamples(pods: readonly Pod[], resource: string, container: string, { usages }: Gathered): Samples {
	const samples: Samples = new Map();
	let seen = 0;
	for (const pod of pods) {
		const usage = usages[pod.spec?.nodeName ?? ""];
		const containers = usage?.pods.find((one) => one.pod.uid === uidOf(pod))?.containers;
		if (!usage || containers === undefined) continue;
		seen++;
		const chosen = container === "" ? containers : containers.filter(({ name }) => name === container);
		if (chosen.length === 0)
			throw new Error(`failed to get container metrics: container ${container} not present in metrics for pod ${namespaceOf(pod)}/${nameOf(pod)}`);
		const values = chosen.map(({ cpuNanoCores, memoryBytes }) =>
			resource === "cpu" ? Math.ceil(cpuNanoCores / NANO_CORES_PER_MILLI) : resource === "memory" ? memoryBytes * MILLI : undefined,
		);
		if (values.some((value) => value === undefined)) continue;
		const value = (values as number[]).reduce((sum, one) => sum + one, 0);
		samples.set(nameOf(pod), { value, timestampMs: usage.timestampMs, windowMs: usage.windowMs });
	}
	if (seen === 0) throw new Error("no metrics returned from resource metrics API");
	return samples;
}

/** The adapter's values; throws its refusal in the words of upstream's client of that API. */
export function answered(query: MetricQuery, { metrics }: Gathered): Extract<MetricAnswer, { ok: true }>["values"] {
	const answer = metrics[queryKey(query)];
	const api = query.api === "external" ? "external" : "custom";
	if (answer === undefined || !answer.ok)
		throw new Error(`unable to fetch metrics from ${api} metrics API: ${answer?.message ?? "the server could not find the requested resource"}`);
	if (answer.values.length === 0) throw new Error(`no metrics returned from ${api} metrics API`);
	return answer.values;
}
