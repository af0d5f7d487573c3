/**
 * How adapters are asked for metrics, and what they answer: custom.metrics.k8s.io and external.metrics.k8s.io, in the words of
 * upstream's clients (k8s.io/metrics/pkg/client/{custom_metrics,external_metrics}).
 */
import type { UserInfo } from "../../api/request.ts";
import { labelSelectorOf } from "../../selector/label-selector.ts";
import { milliValue } from "../../quantity/quantity.ts";
import type { APIService } from "../../schema/kubernetes.d.ts";
import type { MetricAnswer, MetricQuery } from "./metric-samples.ts";

/** Who the controller is to an adapter. */
export const AUTOSCALER_USER: UserInfo = {
	name: "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
	groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
};

/** The groups, and their versions that the clients know, the better one first. */
const APIS = {
	custom: { group: "custom.metrics.k8s.io", versions: ["v1beta2", "v1beta1"] },
	external: { group: "external.metrics.k8s.io", versions: ["v1beta1"] },
} as const;

/** What a sample without a window covers, in seconds. */
const WINDOW_SECONDS = 60;
const MS_PER_SECOND = 1_000;

const apiOf = ({ api }: MetricQuery): keyof typeof APIS => (api === "external" ? "external" : "custom");

/** The APIService that answers; undefined where none is registered. */
export function adapterFor(query: MetricQuery, services: readonly APIService[]): APIService | undefined {
	const { group, versions } = APIS[apiOf(query)];
	return versions.map((version) => services.find(({ spec }) => spec?.group === group && spec.version === version)).find((service) => service !== undefined);
}

export const notRegistered = (query: MetricQuery): string => `no ${apiOf(query)} metrics API (${APIS[apiOf(query)].group}) registered`;

/** The object's resource with its group, "deployments.apps"; throws for a kind that nobody serves. */
export type ResourceOf = (apiVersion: string | undefined, kind: string) => string;

function subject(query: MetricQuery, namespace: string, resourceOf: ResourceOf): string {
	const space = `namespaces/${namespace}`;
	if (query.api === "pods") return `${space}/pods/*/${query.metric}`;
	if (query.api === "external") return `${space}/${query.metric}`;
	const { apiVersion, kind, name } = query.object;
	if (kind === "Namespace" && (apiVersion ?? "v1") === "v1") return `${space}/metrics/${query.metric}`;
	return `${space}/${resourceOf(apiVersion, kind)}/${encodeURIComponent(name)}/${query.metric}`;
}

/** The path and query that are asked for. */
export function metricPath(query: MetricQuery, namespace: string, { spec }: APIService, resourceOf: ResourceOf): string {
	const parameters = new URLSearchParams();
	const metricSelector = query.metricSelector === undefined ? "" : labelSelectorOf(query.metricSelector).toString();
	if (query.api === "pods" && query.podSelector !== "") parameters.set("labelSelector", query.podSelector);
	if (metricSelector !== "") parameters.set(query.api === "external" ? "labelSelector" : "metricLabelSelector", metricSelector);
	const path = `/apis/${spec?.group}/${spec?.version}/${subject(query, namespace, resourceOf)}`;
	return parameters.size === 0 ? path : `${path}?${parameters}`;
}

interface Item {
	describedObject?: { name?: string };
	timestamp?: string;
	/** Of custom metrics. */
	windowSeconds?: number;
	/** Of external metrics. */
	window?: number;
	value?: string | number;
}

function sampleOf({ describedObject, timestamp, windowSeconds, window, value = "0" }: Item): Extract<MetricAnswer, { ok: true }>["values"][number] {
	return {
		name: describedObject?.name ?? "",
		value: milliValue(String(value)),
		timestampMs: Date.parse(timestamp ?? ""),
		windowMs: (windowSeconds ?? window ?? WINDOW_SECONDS) * MS_PER_SECOND,
	};
}

/** What client-go says of a refusal without a Status of its own. */
const REFUSALS: Readonly<Record<number, string>> = {
	403: "unknown",
	404: "the server could not find the requested resource",
	503: "the server is currently unable to handle the request",
};

function refusalOf(status: number, document: unknown, query: MetricQuery): string {
	const { kind, message } = (document ?? {}) as { kind?: string; message?: string };
	if (kind === "Status" && message) return message;
	const resource = query.api === "external" ? query.metric : query.api === "pods" ? "pods" : query.object.kind.toLowerCase();
	const known = REFUSALS[status] ?? `the server responded with the status code ${status} but did not return more information`;
	return `${known} (get ${resource}.${APIS[apiOf(query)].group})`;
}

/** An adapter's answer; `text` is its body. */
export function metricAnswer(status: number, text: string, query: MetricQuery): MetricAnswer {
	let document: unknown;
	try {
		document = JSON.parse(text);
	} catch {
		document = undefined;
	}
	if (status < 200 || status >= 300) return { ok: false, message: refusalOf(status, document, query) };
	const { items } = (document ?? {}) as { items?: Item[] };
	if (!Array.isArray(items)) return { ok: false, message: "couldn't get version/kind; json parse error: the answer is no list of metric values" };
	try {
		return { ok: true, values: items.map(sampleOf) };
	} catch (error) {
		return { ok: false, message: (error as Error).message };
	}
}
