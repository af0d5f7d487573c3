import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { JoinedTexts, KeptTexts } from "./joined-texts.ts";
import { migrate } from "./migrate.ts";
import { Store } from "./store.ts";

/** Counts the reads of texts. */
class CountingSql extends NodeSql {
	reads = 0;
	override bytes(query: string, ...bindings: (string | number | null)[]): Uint8Array | undefined {
		this.reads++;
		return super.bytes(query, ...bindings);
	}
}

function world(keptBytesMax: number): { sql: CountingSql; put: (name: string, value: string) => number; joined: JoinedTexts } {
	const sql = new CountingSql();
	migrate(sql);
	const store = new Store(sql);
	const summary = { labels: {}, fields: {} };
	const put = (name: string, value: string): number => {
		const old = store.get("configmaps", name);
		const object: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, uid: name, annotations: { value } } };
		return Number(store.put("configmaps", object, summary, old && { object: old, summary }, 0).metadata.resourceVersion);
	};
	return { sql, put, joined: new JoinedTexts(sql, new KeptTexts(keptBytesMax)) };
}

const valuesOf = (bytes: Uint8Array | undefined): unknown[] =>
	(JSON.parse(`[${new TextDecoder().decode(bytes)}]`) as KubeObject[]).map((object) => object.metadata.annotations?.["value"]);

describe("JoinedTexts", () => {
	it("joins a range in the order of names, and reads it once while nothing in it changes", () => {
		const { sql, put, joined } = world(10_000);
		const [b, a] = [put("b", "2"), put("a", "ä")];
		expect(valuesOf(joined.bytes("configmaps", "a", "b", [a, b]))).toEqual(["ä", "2"]);
		expect(valuesOf(joined.bytes("configmaps", "a", "b", [a, b]))).toEqual(["ä", "2"]);
		expect(sql.reads).toBe(1);
	});

	it("reads anew what has changed, and refuses a range that is not the one meant", () => {
		const { put, joined } = world(10_000);
		const [a, b] = [put("a", "1"), put("b", "1")];
		joined.bytes("configmaps", "a", "b", [a, b]);
		const later = put("b", "2");
		expect(valuesOf(joined.bytes("configmaps", "a", "b", [a, later]))).toEqual(["1", "2"]);
		expect(joined.bytes("configmaps", "a", "b", [a, b])).toBeUndefined();
		put("aa", "new");
		expect(joined.bytes("configmaps", "a", "b", [a, b])).toBeUndefined();
	});

	it("does not join what one value cannot hold", () => {
		const { put, joined } = world(10_000);
		const revisions = [put("a", "x".repeat(600_000)), put("b", "x".repeat(600_000))];
		expect(joined.bytes("configmaps", "a", "b", revisions)).toBeUndefined();
	});

	it("keeps no more than it may, the last used longest", () => {
		const { sql, put, joined } = world(2_500);
		const names = ["a", "b", "c"];
		const revisions = names.map((name) => put(name, "x".repeat(900)));
		const read = (at: number) => joined.bytes("configmaps", names[at] ?? "", names[at] ?? "", [revisions[at] ?? 0]);
		for (const at of [0, 1, 0, 2]) read(at);
		expect(sql.reads).toBe(3);
		read(0);
		expect(sql.reads).toBe(3);
		read(1);
		expect(sql.reads).toBe(4);
	});
});
