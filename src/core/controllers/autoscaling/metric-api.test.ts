/** What adapters are asked, and what their answers mean. */
import { describe, expect, it } from "vitest";
import type { APIService } from "../../schema/kubernetes.d.ts";
import { adapterFor, metricAnswer, metricPath } from "./metric-api.ts";
import type { MetricQuery } from "./metric-samples.ts";

const service = (group: string, version: string): APIService => ({
	apiVersion: "apiregistration.k8s.io/v1",
	kind: "APIService",
	metadata: { name: `${version}.${group}` },
	spec: { group, version, groupPriorityMinimum: 100, versionPriority: 100, service: { namespace: "monitoring", name: "adapter", port: 443 } },
});
const CUSTOM = service("custom.metrics.k8s.io", "v1beta2");
const EXTERNAL = service("external.metrics.k8s.io", "v1beta1");
const resourceOf = (apiVersion: string | undefined, kind: string): string => {
	if (kind !== "Ingress" || apiVersion !== "networking.k8s.io/v1") throw new Error(`no ${kind}`);
	return "ingresses.networking.k8s.io";
};

const paths: [name: string, query: MetricQuery, path: string][] = [
	[
		"pods",
		{ api: "pods", metric: "packets", podSelector: "app=web,tier in (a,b)", metricSelector: { matchLabels: { verb: "GET" } } },
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/packets?labelSelector=app%3Dweb%2Ctier+in+%28a%2Cb%29&metricLabelSelector=verb%3DGET",
	],
	[
		"an object",
		{ api: "object", metric: "hits", object: { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "main" } },
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/ingresses.networking.k8s.io/main/hits",
	],
	[
		"the namespace itself",
		{ api: "object", metric: "hits", object: { kind: "Namespace", name: "shop" } },
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/metrics/hits",
	],
	[
		"what is outside",
		{ api: "external", metric: "queue", metricSelector: { matchExpressions: [{ key: "name", operator: "In", values: ["jobs"] }] } },
		"/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue?labelSelector=name+in+%28jobs%29",
	],
];

describe("metrics of adapters", () => {
	it.each(paths)("are asked for by path: %s", (_name, query, path) => {
		expect(metricPath(query, "shop", query.api === "external" ? EXTERNAL : CUSTOM, resourceOf)).toBe(path);
	});

	it("come from the best version that is registered", () => {
		const old = service("custom.metrics.k8s.io", "v1beta1");
		const query: MetricQuery = { api: "pods", metric: "m", podSelector: "" };
		expect(adapterFor(query, [old, EXTERNAL])).toBe(old);
		expect(adapterFor(query, [old, CUSTOM])).toBe(CUSTOM);
		expect(adapterFor(query, [EXTERNAL])).toBeUndefined();
	});

	it("are quantities of pods with their time and window", () => {
		const items = [
			{ describedObject: { kind: "Pod", name: "web-1" }, timestamp: "2026-01-01T00:00:00Z", windowSeconds: 30, value: "1500m" },
			{ describedObject: { kind: "Pod", name: "web-2" }, timestamp: "2026-01-01T00:00:10Z", value: "2k" },
		];
		const timestampMs = Date.parse("2026-01-01T00:00:00Z");
		expect(metricAnswer(200, JSON.stringify({ items }), { api: "pods", metric: "m", podSelector: "" })).toEqual({
			ok: true,
			values: [
				{ name: "web-1", value: 1500, timestampMs, windowMs: 30_000 },
				{ name: "web-2", value: 2_000_000, timestampMs: timestampMs + 10_000, windowMs: 60_000 },
			],
		});
	});

	it.each([
		[404, JSON.stringify({ kind: "Status", message: "the server could not find the metric queue" }), "the server could not find the metric queue"],
		[404, "404 page not found", "the server could not find the requested resource (get queue.external.metrics.k8s.io)"],
		[503, "service unavailable\n", "the server is currently unable to handle the request (get queue.external.metrics.k8s.io)"],
	])("are refused with %d in words", (status, text, message) => {
		expect(metricAnswer(status, text, { api: "external", metric: "queue" })).toEqual({ ok: false, message });
	});
});
