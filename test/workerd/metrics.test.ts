/** metrics.k8s.io: usage is asked from the agents when somebody asks, and from nobody else. */
import { describe, expect, it } from "vitest";
import type { NodeMetrics, PodMetrics } from "../../src/core/schema/kubernetes.d.ts";
import { type List, pod, pods } from "./support/objects.ts";
import { refOf, runningStatus, TestAgent } from "./support/test-agent.ts";
import { TestCluster } from "./support/test-cluster.ts";

const METRICS = "/apis/metrics.k8s.io/v1beta1";

/** A cluster with one running pod, whose agent says once what is used. */
async function measured() {
	const cluster = await TestCluster.create();
	const agent = await TestAgent.ready(cluster);
	await cluster.call("POST", pods(), { ...pod("web"), metadata: { name: "web", labels: { app: "web" } } });
	const running = await agent.pod(({ metadata }) => metadata.name === "web");
	await agent.reportStatus(refOf(running), runningStatus());
	// Held before anybody asks: an agent without a poll is not asked at all.
	const held = await agent.hold();
	const answerOnce = async () => {
		const id = (await held.answer).commands[0]?.id ?? "";
		const used = { cpuNanoCores: 250_000_000, memoryBytes: 64 * 1024 * 1024 };
		const usage = { timestampMs: Date.UTC(2026, 0, 1), windowMs: 15_500, node: used, pods: [{ pod: refOf(running), containers: [{ name: "main", ...used }] }] };
		await agent.report({ usage: { id, usage } });
	};
	return { cluster, answerOnce };
}

describe("metrics.k8s.io", () => {
	it("asks each node's agent once and shows what it says", async () => {
		const { cluster, answerOnce } = await measured();
		const asked = Promise.all([
			cluster.call<List<NodeMetrics>>("GET", `${METRICS}/nodes`),
			cluster.call<PodMetrics>("GET", `${METRICS}/namespaces/default/pods/web`),
			answerOnce(),
		]);
		const [nodes, web] = await asked;
		const shown = { timestamp: "2026-01-01T00:00:00Z", window: "15.5s" };
		expect(nodes).toMatchObject({ kind: "NodeMetricsList", apiVersion: "metrics.k8s.io/v1beta1" });
		expect(nodes.items).toEqual([{ metadata: expect.objectContaining({ name: "worker" }), ...shown, usage: { cpu: "250m", memory: "64Mi" } }]);
		expect(web).toMatchObject({ kind: "PodMetrics", metadata: { name: "web", namespace: "default", labels: { app: "web" } }, ...shown });
		expect(web.containers).toEqual([{ name: "main", usage: { cpu: "250m", memory: "64Mi" } }]);
		// What was said a moment ago is told again without asking.
		const across = await cluster.call<List<PodMetrics>>("GET", `${METRICS}/pods?labelSelector=app%3Dweb`);
		expect(across.items.map(({ metadata }) => metadata.name)).toEqual(["web"]);
		expect((await cluster.call<List<PodMetrics>>("GET", `${METRICS}/namespaces/default/pods?labelSelector=app%3Dother`)).items).toEqual([]);
		const table = await cluster.call<{ rows: { cells: string[] }[] }>("GET", `${METRICS}/namespaces/default/pods`, undefined, {
			accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
		});
		expect(table.rows.map(({ cells }) => cells)).toEqual([["web", "250m", "64Mi", "15.5s"]]);
	});

	it("is among the API groups, and refuses what it cannot serve", async () => {
		const cluster = await TestCluster.create();
		expect(await cluster.call("GET", "/apis/metrics.k8s.io")).toMatchObject({ name: "metrics.k8s.io", preferredVersion: { version: "v1beta1" } });
		expect(await cluster.call<List<NodeMetrics>>("GET", `${METRICS}/nodes`)).toMatchObject({ items: [] });
		expect(await cluster.refused("GET", `${METRICS}/nodes/nobody`)).toMatchObject({ code: 404, message: 'nodes "nobody" not found' });
		expect(await cluster.refused("POST", `${METRICS}/namespaces/default/pods`, pod("web"))).toMatchObject({ code: 405 });
		expect(await cluster.refused("GET", `${METRICS}/nodes?watch=1`)).toMatchObject({ code: 405 });
		expect(await cluster.refused("GET", `${METRICS}/nodes`, undefined, { token: await cluster.user("jane") })).toMatchObject({ code: 403 });
	});
});
