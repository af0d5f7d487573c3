/** Watches and lists in workerd: through the bridge, across namespaces, over an object's sleep. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { COMPACTION_SLACK_MS, LOG_RETENTION_MS } from "../../src/store/change-log.ts";
import { clusterStub, namespaceStub } from "./support/bindings.ts";
import { type ConfigMap, configMap, configMaps, type List, namespace } from "./support/objects.ts";
import { TestCluster } from "./support/test-cluster.ts";

const MINE = "labelSelector=mine%3Dyes";

function mine(name: string, data?: Record<string, string>): ConfigMap {
	const object = configMap(name, data);
	object.metadata.labels = { mine: "yes" };
	return object;
}

/** Writes to a new namespace once its object is ready for it. */
async function createNamespace(cluster: TestCluster, name: string): Promise<void> {
	await cluster.call("POST", "/api/v1/namespaces", namespace(name));
}

afterEach(() => {
	vi.useRealTimers();
});

describe("a watch of one namespace", () => {
	it("tells of what comes, changes and goes", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps(), mine("before"));
		const watch = await cluster.watch(`${configMaps()}?watch=1&${MINE}`);
		expect(await watch.take(1)).toEqual(["ADDED before"]);
		await cluster.call("POST", configMaps(), mine("a"));
		await cluster.call("POST", configMaps(), configMap("other"));
		await cluster.call("PATCH", `${configMaps()}/a`, { data: { x: "1" } }, { contentType: "application/merge-patch+json" });
		await cluster.call("PATCH", `${configMaps()}/other`, { metadata: { labels: { mine: "yes" } } }, { contentType: "application/merge-patch+json" });
		await cluster.call("PATCH", `${configMaps()}/a`, { metadata: { labels: { mine: null } } }, { contentType: "application/merge-patch+json" });
		await cluster.call("DELETE", `${configMaps()}/other`);
		expect(await watch.take(5)).toEqual(["ADDED a", "MODIFIED a", "ADDED other", "DELETED a", "DELETED other"]);
		await watch.close();
	});

	it("resumes after the version it has seen", async () => {
		const cluster = await TestCluster.create();
		const first = await cluster.call<ConfigMap>("POST", configMaps(), mine("a"));
		await cluster.call("POST", configMaps(), mine("b"));
		await cluster.call("DELETE", `${configMaps()}/a`);
		const watch = await cluster.watch(`${configMaps()}?watch=1&${MINE}&resourceVersion=${first.metadata.resourceVersion}`);
		expect(await watch.take(2)).toEqual(["ADDED b", "DELETED a"]);
		await cluster.call("POST", configMaps(), mine("c"));
		expect(await watch.take(1)).toEqual(["ADDED c"]);
		await watch.close();
	});

	it("begins with the state and a bookmark that ends it, where asked", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps(), mine("a"));
		const watch = await cluster.watch(`${configMaps()}?watch=1&${MINE}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`);
		expect(await watch.take(1)).toEqual(["ADDED a"]);
		const end = await watch.next();
		expect(end).toMatchObject({ type: "BOOKMARK", object: { kind: "ConfigMap", metadata: { annotations: { "k8s.io/initial-events-end": "true" } } } });
		await watch.close();
		const resumed = await cluster.watch(`${configMaps()}?watch=1&${MINE}&resourceVersion=${end?.object.metadata.resourceVersion}`);
		await cluster.call("POST", configMaps(), mine("b"));
		expect(await resumed.take(1)).toEqual(["ADDED b"]);
		await resumed.close();
	});

	it("expires with what one alarm compacts away", async () => {
		const cluster = await TestCluster.create();
		const old = await cluster.call<ConfigMap>("POST", configMaps(), mine("a"));
		await cluster.call("POST", configMaps(), mine("b"));
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + LOG_RETENTION_MS + COMPACTION_SLACK_MS);
		const stub = namespaceStub(cluster.id, "default");
		expect(await runDurableObjectAlarm(stub)).toBe(true);
		const watch = await cluster.watch(`${configMaps()}?watch=1&${MINE}&resourceVersion=${old.metadata.resourceVersion}`);
		expect(await watch.next()).toMatchObject({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } });
		expect(await watch.next()).toBeUndefined();
		// What is left to do is Events' time, an hour away: the log asks for no more.
		const left = "SELECT count(*) AS left FROM changes WHERE revision NOT IN (SELECT revision FROM objects)";
		expect(await runInDurableObject(stub, (_, { storage }) => storage.sql.exec(left).one()["left"])).toBe(0);
		const list = await cluster.call<List<ConfigMap>>("GET", `${configMaps()}?${MINE}`);
		expect(list.items.map((item) => item.metadata.name)).toEqual(["a", "b"]);
	});

	it("is refused like any other request", async () => {
		const cluster = await TestCluster.create();
		const token = await cluster.user("anna");
		expect(await cluster.refused("GET", `${configMaps()}?watch=1`, undefined, { token })).toMatchObject({ code: 403 });
		expect(await cluster.refused("GET", `${configMaps()}?watch=1&resourceVersion=never`)).toMatchObject({
			code: 400,
			message: 'invalid resource version: resourceVersion: Invalid value: "never": strconv.ParseUint: parsing "never": invalid syntax',
		});
		expect(await cluster.refused("GET", `${configMaps()}?watch=1&labelSelector=%3D%3D`)).toMatchObject({ code: 400 });
	});

	it("goes on when the object was thrown out of memory under it", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps(), mine("a"));
		const watch = await cluster.watch(`${configMaps()}?watch=1&${MINE}`);
		expect(await watch.take(1)).toEqual(["ADDED a"]);
		await evictDurableObject(namespaceStub(cluster.id, "default"));
		await cluster.call("POST", configMaps(), configMap("other"));
		await cluster.call("POST", configMaps(), mine("b"));
		expect(await watch.take(1)).toEqual(["ADDED b"]);
		await evictDurableObject(namespaceStub(cluster.id, "default"));
		await cluster.call("DELETE", `${configMaps()}/a`);
		expect(await watch.take(1)).toEqual(["DELETED a"]);
		await watch.close();
	});
});

describe("a watch of cluster-scoped objects", () => {
	it("goes on when the object was thrown out of memory under it", async () => {
		const cluster = await TestCluster.create();
		const watch = await cluster.watch("/api/v1/namespaces?watch=1&fieldSelector=metadata.name%3Dlater");
		await createNamespace(cluster, "earlier");
		await evictDurableObject(clusterStub(cluster.id));
		await createNamespace(cluster, "later");
		expect(await watch.take(1)).toEqual(["ADDED later"]);
		await watch.close();
	});
});

describe("all namespaces", () => {
	it("are watched together, those included that are created meanwhile", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps("kube-system"), mine("a"));
		const watch = await cluster.watch(`/api/v1/configmaps?watch=1&${MINE}`);
		expect(await watch.take(1)).toEqual(["ADDED a"]);
		await cluster.call("POST", configMaps(), mine("b"));
		expect(await watch.take(1)).toEqual(["ADDED b"]);
		await createNamespace(cluster, "late");
		await cluster.call("POST", configMaps("late"), mine("c"));
		expect(await watch.take(1)).toEqual(["ADDED c"]);
		for (const name of ["default", "late"]) await evictDurableObject(namespaceStub(cluster.id, name));
		await evictDurableObject(clusterStub(cluster.id));
		await cluster.call("DELETE", `${configMaps("late")}/c`);
		expect(await watch.take(1)).toEqual(["DELETED c"]);
		await watch.close();
	});

	it("are listed in pages of one cut, from which a watch goes on", async () => {
		const cluster = await TestCluster.create();
		for (const name of ["one", "two"]) await createNamespace(cluster, name);
		for (const [at, name] of ["default", "one", "two"].entries())
			for (let i = 0; i <= at; i++) await cluster.call("POST", configMaps(name), mine(`${name}-${i}`));
		const names: string[] = [];
		const versions = new Set<string>();
		for (let token: string | undefined = ""; token !== undefined; ) {
			const page: List<ConfigMap> = await cluster.call<List<ConfigMap>>("GET", `/api/v1/configmaps?limit=2&${MINE}&continue=${encodeURIComponent(token)}`);
			if (token === "") await cluster.call("POST", configMaps("two"), mine("two-after"));
			expect(page.items.length).toBeLessThanOrEqual(2);
			names.push(...page.items.map((item) => item.metadata.name ?? ""));
			versions.add(page.metadata.resourceVersion);
			token = page.metadata.continue;
		}
		expect(names.filter((name) => name !== "two-after")).toEqual(["default-0", "one-0", "one-1", "two-0", "two-1", "two-2"]);
		expect(versions.size).toBe(1);
		const watch = await cluster.watch(`/api/v1/configmaps?watch=1&${MINE}&resourceVersion=${[...versions][0]}`);
		expect(await watch.take(1)).toEqual(["ADDED two-after"]);
		await watch.close();
		expect(await cluster.refused("GET", "/api/v1/configmaps?limit=2&continue=nonsense")).toMatchObject({ code: 400 });
	});
});
