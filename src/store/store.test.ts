import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { LOG_RETENTION_MS } from "./change-log.ts";
import { migrate } from "./migrate.ts";
import { MIGRATIONS } from "./migrations.ts";
import { Store } from "./store.ts";

const NOW_MS = Date.UTC(2026, 0, 1);

function newStore(): { store: Store; sql: NodeSql } {
	const sql = new NodeSql();
	migrate(sql);
	return { store: new Store(sql), sql };
}

const pod = (name: string, labels: Record<string, string> = {}, owner?: string): KubeObject => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: {
		name,
		uid: `uid-${name}`,
		labels,
		...(owner ? { ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true }] } : {}),
	},
});

function put(store: Store, object: KubeObject, nowMs = NOW_MS): KubeObject {
	const old = store.get("pods", object.metadata.name ?? "");
	const summary = (o: KubeObject) => ({ labels: o.metadata.labels ?? {}, fields: {} });
	return store.put("pods", object, summary(object), old && { object: old, summary: summary(old) }, nowMs);
}

describe("Store", () => {
	it("gives every write a higher, odd revision, even when the clock stands still or goes back", () => {
		const { store } = newStore();
		const revisions = [NOW_MS, NOW_MS, NOW_MS - 5_000].map((nowMs, i) => Number(put(store, pod(`p${i}`), nowMs).metadata.resourceVersion));
		expect(revisions.every((r) => r % 2 === 1)).toBe(true);
		expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
		expect(new Set(revisions).size).toBe(3);
	});

	it("finds the objects of a group, through writes, removals and what is rolled back", () => {
		const { store, sql } = newStore();
		const byColour = { resource: "pods", keys: ({ metadata }: KubeObject) => (metadata.labels?.colour ? [metadata.labels.colour] : []) };
		const names = (colour: string) => store.grouped(byColour, colour).map(({ metadata }) => metadata.name);
		put(store, pod("b", { colour: "red" }));
		put(store, pod("a", { colour: "red" }));
		expect([names("red"), names("blue")]).toEqual([["a", "b"], []]);
		put(store, pod("a", { colour: "blue" }));
		expect([names("red"), names("blue")]).toEqual([["b"], ["a"]]);
		store.settle();
		const mark = store.mark();
		expect(() =>
			sql.transaction(() => {
				put(store, pod("a", { colour: "red" }));
				put(store, pod("c", { colour: "red" }));
				store.remove("pods", pod("b", { colour: "red" }), { labels: {}, fields: {} }, NOW_MS);
				throw new Error("no");
			}),
		).toThrow("no");
		store.rollback(mark);
		expect([names("red"), names("blue")]).toEqual([["b"], ["a"]]);
	});

	it("continues above its last revision after a restart, whatever the clock says", () => {
		const { store, sql } = newStore();
		const before = Number(put(store, pod("a")).metadata.resourceVersion);
		const after = Number(put(new Store(sql), pod("b"), NOW_MS - 60_000).metadata.resourceVersion);
		expect(after).toBeGreaterThan(before);
	});

	it("lists in name order, by labels, in pages", () => {
		const { store } = newStore();
		for (const name of ["c", "a", "b"]) put(store, pod(name, { app: name === "b" ? "web" : "db" }));
		const names = (options = {}) => store.names("pods", options).map((row) => row.name);
		expect(names()).toEqual(["a", "b", "c"]);
		expect(names({ limit: 2 })).toEqual(["a", "b"]);
		expect(names({ after: "b" })).toEqual(["c"]);
		expect(
			names({ matcher: { requiredLabels: [["app", "db"]], matches: (_: string, s: { labels: Record<string, string> }) => s.labels.app === "db" } }),
		).toEqual(["a", "c"]);
	});

	it("finds what an owner controls, and forgets it when it is released", () => {
		const { store } = newStore();
		put(store, pod("a", {}, "rs-1"));
		expect(store.ownedBy("rs-1", "pods").map(({ object }) => object.metadata.name)).toEqual(["a"]);
		put(store, pod("a"));
		expect(store.ownedBy("rs-1")).toEqual([]);
	});

	it("tells the changes after a revision, with the labels before each", () => {
		const { store } = newStore();
		const first = Number(put(store, pod("a", { v: "1" })).metadata.resourceVersion);
		const updated = put(store, pod("a", { v: "2" }));
		store.remove("pods", updated, { labels: { v: "2" }, fields: {} }, NOW_MS);
		const changes = store.log.since("pods", first);
		expect(changes).not.toBe("expired");
		expect((changes as { type: string }[]).map((c) => c.type)).toEqual(["MODIFIED", "DELETED"]);
		expect((changes as { previous: unknown }[])[0]?.previous).toEqual({ labels: { v: "1" }, fields: {} });
	});

	it("answers expired for what is compacted away, and keeps its clock though the log is empty", () => {
		const { store, sql } = newStore();
		const first = Number(put(store, pod("a")).metadata.resourceVersion);
		const second = Number(put(store, pod("a", { v: "2" })).metadata.resourceVersion);
		store.log.compact(NOW_MS + LOG_RETENTION_MS + 1_000);
		expect(store.log.since("pods", first)).toBe("expired");
		expect(store.log.since("pods", second)).toEqual([]);
		expect(new Store(sql).clock.cut()).toBeGreaterThan(second);
	});

	it("keeps the body of each current state once, through compaction, until it is written again or removed", () => {
		const { store, sql } = newStore();
		for (const name of ["a", "b", "c"]) put(store, pod(name, { v: "1" }));
		put(store, pod("a", { v: "2" }));
		const laterMs = NOW_MS + LOG_RETENTION_MS + 1_000;
		store.log.compact(laterMs);
		const kept = () => sql.all<{ name: string }>("SELECT name FROM changes ORDER BY name").map(({ name }) => name);
		expect(kept()).toEqual(["a", "b", "c"]);
		const restarted = new Store(sql);
		expect(restarted.list("pods").map(({ metadata }) => metadata.labels?.["v"])).toEqual(["2", "1", "1"]);
		expect(restarted.getText("pods", "b")?.body).toContain('"uid-b"');
		expect(restarted.log.heads(0, 10)).toEqual([]);
		expect(restarted.log.compactionDueMs()).toBeUndefined();
		const b = put(restarted, pod("b", { v: "2" }), laterMs);
		restarted.remove("pods", restarted.get("pods", "c") as KubeObject, { labels: {}, fields: {} }, laterMs);
		expect(restarted.log.heads(0, 10).map(({ name, type }) => `${type} ${name}`)).toEqual(["MODIFIED b", "DELETED c"]);
		expect(kept()).toEqual(["a", "b", "c"]);
		restarted.log.compact(laterMs + LOG_RETENTION_MS + 1_000);
		expect(kept()).toEqual(["a", "b"]);
		expect(new Store(sql).get("pods", "b")).toEqual(b);
	});

	it("takes over the bodies of a database that kept them beside its log", () => {
		const sql = new NodeSql();
		migrate(sql, MIGRATIONS.slice(0, 2));
		const body = (name: string) => JSON.stringify(pod(name));
		for (const [revision, name] of [
			[5, "compacted"],
			[7, "logged"],
		] as const)
			sql.run("INSERT INTO objects VALUES ('pods', ?, 'u', ?, '{}', '{}', ?)", name, revision, body(name));
		sql.run("INSERT INTO changes (revision, resource, name, type, body) VALUES (7, 'pods', 'logged', 'ADDED', ?)", body("logged"));
		sql.run("INSERT INTO meta VALUES ('compacted', '6')");
		migrate(sql);
		const store = new Store(sql);
		expect(store.list("pods")).toEqual([pod("compacted"), pod("logged")]);
		expect(store.log.since("pods", 6)).toMatchObject([{ name: "logged" }]);
	});

	it("leaves nothing of a transaction that fails", () => {
		const { store, sql } = newStore();
		put(store, pod("kept", { v: "1" }));
		const names = () => store.names("pods").map((row) => row.name);
		const before = { names: names(), newest: store.log.newest() };
		const mark = store.mark();
		expect(() =>
			sql.transaction(() => {
				put(store, pod("a"));
				put(store, pod("kept", { v: "2" }));
				throw new Error("no");
			}),
		).toThrow("no");
		store.rollback(mark);
		expect(store.get("pods", "a")).toBeUndefined();
		expect(store.get("pods", "kept")?.metadata.labels).toEqual({ v: "1" });
		expect({ names: names(), newest: store.log.newest() }).toEqual(before);
		expect(store.names("pods", { matcher: { matches: (_, { labels }) => labels.v === "1" } }).map((row) => row.name)).toEqual(["kept"]);
	});
});
