/** What the objects do by themselves in workerd: alarms, outboxes, and what their sleep must not lose. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Deployment, Pod, Secret, ServiceAccount } from "../../src/core/schema/kubernetes.d.ts";
import { ClusterObject } from "../../src/objects/cluster-object.ts";
import { EVENT_TTL_MS } from "../../src/objects/event-recorder.ts";
import { clusterStub, namespaceStub, nodeStub } from "./support/bindings.ts";
import { type List, namespace, pod, pods, secret } from "./support/objects.ts";
import { TestAgent } from "./support/test-agent.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
});

const deployments = "/apis/apps/v1/namespaces/default/deployments";

function deployment(name: string, replicas: number): Deployment {
	const labels = { app: name };
	const template = { metadata: { labels }, spec: { containers: [{ name: "main", image: "example" }] } };
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name },
		spec: { replicas, progressDeadlineSeconds: 60, selector: { matchLabels: labels }, template },
	};
}

const names = (list: List<Pod>): string[] => list.items.map(({ metadata }) => metadata.name ?? "");
const later = (ms: number): void => {
	vi.useFakeTimers({ toFake: ["Date"] });
	vi.setSystemTime(Date.now() + ms);
};

describe("controllers", () => {
	it("follow a write in its own turn", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", deployments, deployment("web", 3));
		expect(await cluster.call<List<Pod>>("GET", `${pods()}?labelSelector=app%3Dweb`)).toMatchObject({ items: [{}, {}, {}] });
	});

	it("come back by alarm to what they put off, though the object slept meanwhile", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", deployments, deployment("web", 1));
		const stub = namespaceStub(cluster.id, "default");
		await evictDurableObject(stub);
		later(61_000);
		await runDurableObjectAlarm(stub);
		const { status } = await cluster.call<Deployment>("GET", `${deployments}/web`);
		expect(status?.conditions).toContainEqual(expect.objectContaining({ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }));
	});

	it("make a namespace ready before its first use, and empty it before its end", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", "/api/v1/namespaces", namespace("team"));
		const account = await eventually(async () => {
			const { items } = await cluster.call<List<ServiceAccount>>("GET", "/api/v1/namespaces/team/serviceaccounts");
			return items[0];
		});
		expect(account.metadata.name).toBe("default");
		await cluster.call("POST", "/apis/apps/v1/namespaces/team/deployments", deployment("web", 2));
		await cluster.call("DELETE", "/api/v1/namespaces/team");
		await eventually(async () => ((await cluster.fetch("GET", "/api/v1/namespaces/team")).status === 404 ? true : undefined));
		expect(await cluster.call<List<Pod>>("GET", "/api/v1/pods")).toMatchObject({ items: [] });
	});
});

describe("an outbox", () => {
	it("delivers by alarm what its object could not before it was thrown out of memory", async () => {
		const cluster = await TestCluster.create();
		await TestAgent.ready(cluster);
		const stub = namespaceStub(cluster.id, "default");
		vi.spyOn(console, "error").mockImplementation(() => {});
		const away = vi.spyOn(ClusterObject.prototype, "deliver").mockRejectedValue(new Error("the receiver is away"));
		await cluster.call("POST", pods(), pod("web"));
		await eventually(async () => (away.mock.calls.length > 0 ? true : undefined));
		await evictDurableObject(stub);
		away.mockRestore();
		expect((await cluster.call<Pod>("GET", pods("web"))).spec?.nodeName).toBeUndefined();
		await runDurableObjectAlarm(stub);
		await eventually(async () => ((await cluster.call<Pod>("GET", pods("web"))).spec?.nodeName === "worker" ? true : undefined));
		expect(
			await runInDurableObject(stub, (_, { storage }) => storage.sql.exec("SELECT count(*) AS waiting FROM outbox WHERE target = 'cluster'").one()["waiting"]),
		).toBe(0);
	});

	it("delivers twice without harm when the answer was lost", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		const stub = namespaceStub(cluster.id, "default");
		vi.spyOn(console, "error").mockImplementation(() => {});
		const deliver = ClusterObject.prototype.deliver;
		const lossy = vi.spyOn(ClusterObject.prototype, "deliver").mockImplementation(async function (this: ClusterObject, delivery) {
			await deliver.call(this, delivery);
			throw new Error("the answer was lost");
		});
		await cluster.call("POST", deployments, deployment("web", 3));
		const assigned = await agent.pod(({ spec }) => spec?.nodeName === "worker");
		expect(assigned.metadata.labels?.["app"]).toBe("web");
		lossy.mockRestore();
		await runDurableObjectAlarm(stub);
		const list = await cluster.call<List<Pod>>("GET", pods());
		expect(new Set(names(list)).size).toBe(3);
		expect(list.items.map(({ spec }) => spec?.nodeName)).toEqual(["worker", "worker", "worker"]);
	});
});

describe("an object at rest", () => {
	it("is as it was after it was thrown out of memory", async () => {
		const cluster = await TestCluster.create();
		await TestAgent.ready(cluster);
		await cluster.call("POST", deployments, deployment("web", 2));
		await eventually(async () => {
			const { items } = await cluster.call<List<Pod>>("GET", pods());
			return items.every(({ spec }) => spec?.nodeName === "worker") ? true : undefined;
		});
		const before = await cluster.call("GET", pods());
		const nodes = await cluster.call<List<Pod>>("GET", "/api/v1/nodes");
		for (const stub of [namespaceStub(cluster.id, "default"), clusterStub(cluster.id)]) await evictDurableObject(stub);
		expect(await cluster.call<List<Pod>>("GET", pods())).toEqual(before);
		expect((await cluster.call<List<Pod>>("GET", "/api/v1/nodes")).items).toEqual(nodes.items);
	});

	it("is done with its alarms when Events and history have had their time", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", deployments, deployment("web", 0));
		await cluster.call("DELETE", `${deployments}/web`);
		const stub = namespaceStub(cluster.id, "default");
		later(2 * EVENT_TTL_MS);
		let alarms = 0;
		while (await runDurableObjectAlarm(stub)) alarms++;
		// The alarm that sweeps Events writes history, which goes in one more.
		later(2 * EVENT_TTL_MS);
		while (await runDurableObjectAlarm(stub)) alarms++;
		expect(alarms).toBeLessThanOrEqual(3);
		expect(await cluster.call("GET", "/api/v1/namespaces/default/events")).toMatchObject({ items: [] });
		await evictDurableObject(stub);
		await cluster.call("GET", "/api/v1/namespaces/default/events");
		expect(await runDurableObjectAlarm(stub)).toBe(false);
	});
});

describe("encryption at rest", () => {
	it("keeps no Secret's text in any table of any object, and streams the list of them all the same", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		const path = "/api/v1/namespaces/default/secrets";
		await cluster.call("POST", path, secret("key", { password: "hunter2-in-the-clear" }));
		await cluster.call("PATCH", `${path}/key`, { stringData: { other: "hunter3-in-the-clear" } }, { contentType: "application/merge-patch+json" });
		const reader = pod("reader");
		Object.assign(reader.spec?.containers[0] ?? {}, { envFrom: [{ secretRef: { name: "key" } }] });
		await cluster.call("POST", pods(), reader);
		await agent.pod(({ metadata }) => metadata.name === "reader");
		const list = await cluster.call<List<Secret>>("GET", path);
		expect(list.items.map(({ data }) => atob(data?.["password"] ?? ""))).toEqual(["hunter2-in-the-clear"]);
		for (const stub of [namespaceStub(cluster.id, "default"), nodeStub(cluster.id, agent.name), clusterStub(cluster.id)]) {
			const kept = await runInDurableObject(stub, (_object, { storage: { sql } }) =>
				JSON.stringify(
					sql
						.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
						.toArray()
						.map(({ name }) => sql.exec(`SELECT * FROM ${name}`).toArray()),
				),
			);
			for (const text of ["hunter2-in-the-clear", "hunter3-in-the-clear"]) {
				expect(kept).not.toContain(text);
				expect(kept).not.toContain(btoa(text));
			}
		}
	});
});
