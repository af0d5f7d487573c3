/** One deployment, many clusters: who may make them, what keeps them apart, and that nothing is left of one that is deleted. */
import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { CLUSTERS_PER_ACCOUNT_MAX, TOKENS_PER_ACCOUNT_MAX } from "../../src/objects/registry-object.ts";
import { env, fetchWorker } from "./support/bindings.ts";
import { configMap, configMaps, namespace, pod, pods } from "./support/objects.ts";
import { TestAgent } from "./support/test-agent.ts";
import { manage, TestCluster } from "./support/test-cluster.ts";

interface Answer {
	[field: string]: unknown;
	token: string;
	items: { name: string }[];
}

async function call(method: string, path: string, body?: unknown, token?: string): Promise<{ code: number; body: Answer }> {
	const response = await manage(method, path, body, token);
	return { code: response.status, body: await response.json<Answer>() };
}

const newAccount = async (name: string, maxClusters?: number): Promise<string> =>
	(await call("POST", "/accounts", { name, ...(maxClusters === undefined ? {} : { maxClusters }) })).body.token;

/** The Durable Objects of all classes that have a name of this cluster's, or none, and keep anything. */
async function keeping(clusterId: string): Promise<string[]> {
	const found: string[] = [];
	for (const [binding, objects] of Object.entries({ CLUSTER: env.CLUSTER, NAMESPACE: env.NAMESPACE, NODE: env.NODE, SESSION: env.SESSION })) {
		for (const id of await listDurableObjectIds(objects)) {
			const name = id.name ?? (await runInDurableObject(objects.get(id), (_object, { id: own }) => own.name));
			if (name !== undefined && name !== clusterId && !name.startsWith(`${clusterId}/`)) continue;
			const rows = await runInDurableObject(objects.get(id), async (_object, { storage }) => {
				const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\'").toArray().length;
				return tables + (await storage.list()).size + ((await storage.getAlarm()) === null ? 0 : 1);
			});
			if (rows > 0) found.push(`${binding} ${name ?? id.toString()}`);
		}
	}
	return found;
}

describe("clusters of accounts", () => {
	it("are made, listed, shown and deleted by the account that has them", async () => {
		const token = await newAccount("acme");
		const made = await call("POST", "/clusters", { name: "staging" }, token);
		expect(made).toMatchObject({
			code: 201,
			body: { kind: "Cluster", name: "staging", account: "acme", phase: "Active", server: "https://petrel/clusters/staging" },
		});
		const cluster = { headers: { authorization: `Bearer ${made.body.token}` } };
		expect((await fetchWorker("/clusters/staging/api/v1/namespaces/default", cluster)).status).toBe(200);
		expect(await call("POST", "/clusters", { name: "staging" }, token)).toMatchObject({
			code: 409,
			body: { reason: "AlreadyExists", message: 'clusters.petrel.dev "staging" already exists' },
		});
		expect((await call("GET", "/clusters", undefined, token)).body.items.map(({ name }) => name)).toEqual(["staging"]);
		expect(await call("GET", "/clusters/staging", undefined, token)).toMatchObject({ code: 200, body: { name: "staging" } });
		const again = await call("POST", "/clusters/staging/credentials", undefined, token);
		expect((await fetchWorker("/clusters/staging/api", { headers: { authorization: `Bearer ${again.body.token}` } })).status).toBe(200);
		expect(await call("DELETE", "/clusters/staging", undefined, token)).toMatchObject({ code: 200 });
		expect((await call("GET", "/clusters", undefined, token)).body.items).toEqual([]);
		expect(await call("GET", "/clusters/staging", undefined, token)).toMatchObject({ code: 404, body: { message: 'clusters.petrel.dev "staging" not found' } });
		expect((await fetchWorker("/clusters/staging/api/v1/namespaces/default", cluster)).status).toBe(404);
	});

	it("are nobody else's to see or to delete, and have limits", async () => {
		const [one, other] = [await newAccount("one", 1), await newAccount("other")];
		expect((await call("POST", "/clusters", { name: "ones" }, one)).code).toBe(201);
		expect(await call("POST", "/clusters", { name: "second" }, one)).toMatchObject({
			code: 403,
			body: { message: 'clusters.petrel.dev is forbidden: exceeded quota: account "one" has its 1 clusters' },
		});
		expect(await call("POST", "/clusters", { name: "ones" }, other)).toMatchObject({ code: 409 });
		for (const [method, path] of [
			["GET", "/clusters/ones"],
			["DELETE", "/clusters/ones"],
			["POST", "/clusters/ones/credentials"],
		] as const)
			expect(await call(method, path, undefined, other)).toMatchObject({ code: 404 });
		expect((await call("GET", "/clusters", undefined, other)).body.items).toEqual([]);
		expect(await call("DELETE", "/accounts/one")).toMatchObject({ code: 409 });
		await call("DELETE", "/clusters/ones", undefined, one);
		expect((await call("POST", "/clusters", {}, one)).body).toMatchObject({ name: expect.stringMatching(/^c-[0-9a-f]{8}$/) });
	});

	it("refuse names that are no label, and the deployment's own", async () => {
		for (const name of ["", "Upper", "a.b", "-a", "x".repeat(64), 7]) expect(await call("POST", "/clusters", { name })).toMatchObject({ code: 400 });
		expect(await call("POST", "/clusters", { name: "default" })).toMatchObject({ code: 403 });
	});
});

describe("accounts", () => {
	it("are the owner's to make and to end; their tokens are kept as hashes and can be revoked", async () => {
		const token = await newAccount("tokens");
		expect(await call("POST", "/accounts", { name: "tokens" })).toMatchObject({ code: 409 });
		expect(await call("POST", "/accounts", { name: "mine" }, token)).toMatchObject({ code: 403 });
		expect(await call("GET", "/accounts", undefined, token)).toMatchObject({ code: 403 });
		expect(await call("GET", "/clusters", undefined, `${token}x`)).toMatchObject({ code: 401 });
		const second = (await call("POST", "/accounts/tokens/tokens")).body;
		expect((await call("GET", "/clusters", undefined, second.token)).code).toBe(200);
		const [firstId, secondId] = Object.keys(second["tokens"] as object);
		await call("DELETE", `/accounts/tokens/tokens/${firstId}`);
		const good = await Promise.all([token, second.token].map(async (one) => (await call("GET", "/clusters", undefined, one)).code));
		expect(good.toSorted()).toEqual([200, 401]);
		await call("DELETE", `/accounts/tokens/tokens/${secondId}`);
		expect(await call("GET", "/clusters", undefined, second.token)).toMatchObject({ code: 401 });
		expect(await call("DELETE", `/accounts/tokens/tokens/${secondId}`)).toMatchObject({ code: 404 });
		const kept = await runInDurableObject(env.REGISTRY.get(env.REGISTRY.idFromName("registry")), async (_object, { storage }) =>
			JSON.stringify([...(await storage.list())]),
		);
		expect(kept).not.toContain(second.token);
	});

	it("have a limit of tokens, and no more clusters than the most", async () => {
		await newAccount("limits");
		for (let i = 1; i < TOKENS_PER_ACCOUNT_MAX; i++) expect((await call("POST", "/accounts/limits/tokens")).code).toBe(201);
		expect(await call("POST", "/accounts/limits/tokens")).toMatchObject({ code: 403 });
		expect(await call("POST", "/accounts", { name: "much", maxClusters: CLUSTERS_PER_ACCOUNT_MAX + 1 })).toMatchObject({ code: 400 });
		const gone = await newAccount("gone");
		await call("DELETE", "/accounts/gone");
		expect(await call("GET", "/clusters", undefined, gone)).toMatchObject({ code: 401 });
	});

	it("are not asked of clusters' tokens, nor of nobody", async () => {
		const cluster = await TestCluster.create();
		for (const path of ["/clusters", "/clusters/x", "/accounts", "/accounts/x/y"]) {
			expect(await call("GET", path, undefined, cluster.adminToken)).toMatchObject({ code: 401 });
			expect((await fetchWorker(path)).status).toBe(401);
		}
	});
});

/** Every kind of route; `node` is a node's name. */
const routes = (node: string): { method: string; path: string; upgrade?: boolean; body?: unknown }[] => [
	{ method: "GET", path: configMaps() },
	{ method: "GET", path: `${configMaps()}/secret` },
	{ method: "POST", path: configMaps(), body: configMap("x") },
	{ method: "DELETE", path: `${configMaps()}/secret` },
	{ method: "GET", path: `${configMaps()}?watch=true` },
	{ method: "GET", path: "/api/v1/configmaps" },
	{ method: "GET", path: "/api/v1/configmaps?watch=true" },
	{ method: "GET", path: "/api/v1/nodes" },
	{ method: "GET", path: "/api" },
	{ method: "GET", path: "/apis" },
	{ method: "GET", path: "/openapi/v3" },
	{ method: "GET", path: "/metrics" },
	{ method: "GET", path: "/nothing" },
	{ method: "GET", path: `${pods("p")}/log` },
	{ method: "GET", path: `${pods("p")}/exec?command=id&stdout=1`, upgrade: true },
	{ method: "GET", path: `${pods("p")}/portforward`, upgrade: true },
	{ method: "GET", path: `${pods("p")}/proxy/` },
	{ method: "POST", path: "/api/v1/namespaces/default/serviceaccounts/default/token", body: {} },
	{ method: "POST", path: "/apis/authentication.k8s.io/v1/tokenreviews", body: {} },
	{ method: "POST", path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: {} },
	{ method: "POST", path: "/agent/v1/join", body: { version: 1, nodeName: node, instanceId: "thief" } },
	{ method: "POST", path: `/agent/v1/nodes/${node}/poll`, body: { version: 1, cursor: 0, networkCursor: 0 } },
	{ method: "GET", path: `/agent/v1/nodes/${node}/poll`, upgrade: true },
	{ method: "GET", path: `/agent/v1/sessions/${"0".repeat(64)}`, upgrade: true },
];

describe("a cluster's tokens", () => {
	it("open nothing of another's, by any route", async () => {
		const [victim, thief] = [await TestCluster.create(), await TestCluster.create()];
		await victim.call("POST", configMaps(), configMap("secret"));
		const agent = await TestAgent.ready(thief, "worker");
		await TestAgent.ready(victim, "worker");
		const account = await thief.call<{ status: { token: string } }>("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {
			apiVersion: "authentication.k8s.io/v1",
			kind: "TokenRequest",
			spec: {},
		});
		for (const token of [thief.adminToken, await thief.joinToken(), agent.credential, account.status.token, await thief.user("jane")]) {
			for (const { method, path, body, upgrade } of routes("worker")) {
				const response = await fetchWorker(`/clusters/${victim.name}${path}`, {
					method,
					headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...(upgrade ? { Upgrade: "websocket" } : {}) },
					...(body === undefined ? {} : { body: JSON.stringify(body) }),
				});
				expect(`${method} ${path} ${response.status}`).toBe(`${method} ${path} 401`);
			}
		}
		expect((await victim.fetch("GET", `${configMaps()}/secret`)).status).toBe(200);
	});

	it("open no later cluster of the same name", async () => {
		const first = await TestCluster.create({ name: "phoenix" });
		const agent = await TestAgent.ready(first);
		await manage("DELETE", "/clusters/phoenix");
		for (const token of [first.adminToken, agent.credential]) {
			expect((await first.fetch("GET", configMaps(), undefined, { token })).status).toBe(404);
			expect((await first.fetch("GET", "/api/v1/nodes", undefined, { token })).status).toBe(404);
		}
		const second = await TestCluster.create({ name: "phoenix" });
		await second.call("POST", configMaps(), configMap("new"));
		for (const token of [first.adminToken, agent.credential]) expect((await second.fetch("GET", `${configMaps()}/new`, undefined, { token })).status).toBe(404);
		expect(
			await first.refused("POST", `/agent/v1/nodes/${agent.name}/poll`, { version: 1, cursor: 0, networkCursor: 0 }, { token: agent.credential }),
		).toMatchObject({ code: 404 });
		expect(await keeping(first.id)).toEqual([]);
	});

	it("do not let an agent into another cluster's session, whatever its node is called", async () => {
		const [victim, thief] = [await TestCluster.create(), await TestCluster.create()];
		const agent = await TestAgent.ready(victim, "worker");
		const thiefs = await TestAgent.ready(thief, "worker");
		await victim.call("POST", pods(), pod("p"));
		await agent.pod(({ metadata }) => metadata.name === "p");
		const client = await victim.upgrade(`${pods("p")}/exec?command=id&stdout=1`, "v5.channel.k8s.io");
		const command = await agent.command();
		await expect(thiefs.dial(command.id, { ok: true })).rejects.toThrow("the session is over");
		(await agent.dial(command.id, { ok: true })).close(1000);
		client.close(1000);
	});
});

describe("a cluster that is deleted", () => {
	it("leaves no object with anything in it: no namespace, no node, no session", async () => {
		const cluster = await TestCluster.create({ name: "doomed" });
		const agent = await TestAgent.ready(cluster);
		await cluster.call("POST", "/api/v1/namespaces", namespace("team"));
		await cluster.call("POST", configMaps("team"), configMap("settings"));
		await cluster.fetch("GET", configMaps("never-made"));
		await cluster.call("POST", pods(), pod("p"));
		await agent.pod(({ metadata }) => metadata.name === "p");
		const watch = await cluster.watch(`${configMaps("team")}?watch=true`);
		await watch.take(1);
		const client = await cluster.upgrade(`${pods("p")}/exec?command=id&stdout=1`, "v5.channel.k8s.io");
		const closed = new Promise<number>((resolve) => client.addEventListener("close", ({ code }) => resolve(code)));
		await agent.dial((await agent.command()).id, { ok: true });
		expect((await keeping(cluster.id)).length).toBeGreaterThan(5);
		expect(await call("DELETE", "/clusters/doomed")).toMatchObject({ code: 200, body: { name: "doomed" } });
		expect(await closed).toBeGreaterThan(1000);
		await cluster.fetch("GET", configMaps("team"));
		await cluster.fetch("GET", "/api/v1/nodes");
		expect(await keeping(cluster.id)).toEqual([]);
	});
});
