/** What the change log keeps for deliveries: states before changes, and entries beyond their compaction. */
import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import { testSeal } from "../../test/support/test-keys.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { COMPACTION_SLACK_MS, LOG_RETENTION_MS } from "./change-log.ts";
import { migrate } from "./migrate.ts";
import { OLD_STATE_CHARACTERS_MAX, Store } from "./store.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const RESOURCE = "secrets";
const SUMMARY = { labels: {}, fields: {} };
type Valued = KubeObject & { value: string };
const secret = (value: string): Valued => ({ apiVersion: "v1", kind: "Secret", metadata: { name: "a", uid: "u" }, value });

function newStore(): { store: Store; sql: NodeSql; put: (value: string) => number } {
	const sql = new NodeSql();
	migrate(sql);
	const store = new Store(sql, { seal: testSeal(sql), resources: new Set([RESOURCE]) });
	store.keepsOld = () => true;
	const put = (value: string): number => {
		const old = store.get<Valued>(RESOURCE, "a");
		return Number(store.put(RESOURCE, secret(value), SUMMARY, old && { object: old, summary: SUMMARY }, NOW_MS).metadata.resourceVersion);
	};
	return { store, sql, put };
}
const heldIn = (text: string | null | undefined): string | undefined => (text ? (JSON.parse(text) as Valued).value : undefined);

describe("the change log, for deliveries", () => {
	it("holds the state before a change where that is wanted, sealed like the one after", () => {
		const { store, sql, put } = newStore();
		put("1");
		const { body, old } = store.log.entry(put("2")) ?? {};
		expect([heldIn(old), heldIn(body)]).toEqual(["1", "2"]);
		for (const row of sql.all<{ old: string | null; body: string }>("SELECT old, body FROM changes")) expect(`${row.old} ${row.body}`).not.toMatch(/\{/);
	});

	it("leaves the state before out when both are too long for a row, and finds it in the entry before", () => {
		const { store, sql, put } = newStore();
		put("x".repeat(OLD_STATE_CHARACTERS_MAX));
		const revision = put("2");
		expect(sql.all("SELECT old FROM changes WHERE revision = ?", revision)).toEqual([{ old: null }]);
		expect(heldIn(store.log.entry(revision)?.old)).toHaveLength(OLD_STATE_CHARACTERS_MAX);
	});

	it("keeps an entry beyond its compaction while a delivery needs it, and no longer", () => {
		const { store, sql, put } = newStore();
		const [first, second] = [put("1"), put("2")];
		sql.run("INSERT INTO deliveries VALUES ('s', ?, 'secrets/a', 0, 0, 0, NULL)", second);
		const laterMs = NOW_MS + LOG_RETENTION_MS + COMPACTION_SLACK_MS;
		store.log.compact(laterMs);
		expect(store.log.entry(first)).toBeUndefined();
		expect([heldIn(store.log.entry(second)?.old), heldIn(store.log.entry(second)?.body)]).toEqual(["1", "2"]);
		sql.run("DELETE FROM deliveries");
		put("3");
		store.log.compact(2 * laterMs);
		expect(store.log.entry(second)).toBeUndefined();
	});
});
