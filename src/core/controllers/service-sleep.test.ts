import { describe, expect, it } from "vitest";
import type { KubeObject } from "../meta/object.ts";
import type { Deployment, Service } from "../schema/kubernetes.d.ts";
import { applyServiceScale, DEPLOYMENTS, REPLICAS_AWAKE, SLEEP_AFTER, sleepsAfterMs } from "./service-sleep.ts";
import type { View } from "./controller.ts";

const service: Service = { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: { selector: { app: "web" } } };

function deployment(name: string, replicas: number, annotations: Record<string, string>): Deployment {
	const labels = { app: "web", version: name };
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name, annotations },
		spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [] } } },
	} as unknown as Deployment;
}

const viewOf = (...deployments: Deployment[]): View =>
	({
		get: (_resource: string, name: string) => (name === "web" ? service : undefined),
		list: (resource: string) => (resource === DEPLOYMENTS ? deployments : [service]) as KubeObject[],
	}) as unknown as View;

const written = (view: View, wanted: "sleep" | "wake") =>
	applyServiceScale(view, { type: "scaleService", service: "web", wanted }).flatMap((action) =>
		action.type === "update" ? [action.object as Deployment] : [],
	);

describe("scale to zero", () => {
	it("is for Deployments that are annotated for it, after the longest of their times", () => {
		expect(sleepsAfterMs(service, viewOf(deployment("a", 1, {})))).toBeUndefined();
		expect(sleepsAfterMs(service, viewOf(deployment("a", 1, { [SLEEP_AFTER]: "soon" })))).toBeUndefined();
		expect(sleepsAfterMs(service, viewOf(deployment("a", 1, { [SLEEP_AFTER]: "10m" }), deployment("b", 1, { [SLEEP_AFTER]: "1h30m" })))).toBe(5_400_000);
		expect(sleepsAfterMs(service, viewOf(deployment("a", 1, { [SLEEP_AFTER]: "1ms" })))).toBe(1_000);
	});

	it("puts to sleep what runs, and wakes it as it was", () => {
		const [asleep] = written(viewOf(deployment("a", 3, { [SLEEP_AFTER]: "1m" }), deployment("b", 2, {})), "sleep");
		expect([asleep?.spec?.replicas, asleep?.metadata.annotations]).toEqual([0, { [SLEEP_AFTER]: "1m", [REPLICAS_AWAKE]: "3" }]);
		expect(written(viewOf(asleep as Deployment), "sleep")).toEqual([]);
		const [woken] = written(viewOf(asleep as Deployment), "wake");
		expect([woken?.spec?.replicas, woken?.metadata.annotations]).toEqual([3, { [SLEEP_AFTER]: "1m" }]);
		expect(written(viewOf(woken as Deployment), "wake")).toEqual([]);
		expect(written(viewOf(deployment("a", 0, { [SLEEP_AFTER]: "1m" })), "wake")[0]?.spec?.replicas).toBe(1);
	});
});
