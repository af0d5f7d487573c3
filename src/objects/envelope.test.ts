import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import { testEncryptionKeys, testKeyring } from "../../test/support/test-keys.ts";
import { migrate } from "../store/migrate.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { Store } from "../store/store.ts";
import { Envelope } from "./envelope.ts";
import { keyringOf } from "./keyring.ts";

const SECRETS = "secrets";
const RESOURCES = new Set([SECRETS]);
const SUMMARY = { labels: {}, fields: {} };
const NOW_MS = Date.UTC(2026, 0, 1);

function newSql(): NodeSql {
	const sql = new NodeSql();
	migrate(sql);
	return sql;
}

const storeOf = (sql: NodeSql, ...kids: string[]): Store => new Store(sql, { seal: new Envelope(sql, testKeyring(...kids)), resources: RESOURCES });
const secret = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Secret", metadata: { name }, data: { password: `plain-${name}` } }) as KubeObject;
const put = (store: Store, name: string): number => Number(store.put(SECRETS, secret(name), SUMMARY, undefined, NOW_MS).metadata.resourceVersion);

/** Every stored text of every table. */
function kept(sql: NodeSql): string {
	const tables = sql.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'");
	return JSON.stringify(tables.map(({ name }) => sql.all(`SELECT * FROM ${name}`)));
}

describe("Envelope", () => {
	it("keeps sealed collections sealed, in their rows and in the change log, and shows them as they were", () => {
		const sql = newSql();
		const store = storeOf(sql, "k1");
		const revision = put(store, "a");
		store.put("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "open" } }, SUMMARY, undefined, NOW_MS);
		expect(kept(sql)).not.toContain("plain-a");
		expect(kept(sql)).toContain("ConfigMap");
		const again = storeOf(sql, "k1");
		expect(again.get(SECRETS, "a")).toMatchObject({ data: { password: "plain-a" } });
		expect(again.texts(SECRETS, ["a"])[0]?.body).toContain("plain-a");
		expect(again.log.at(revision)).toContain("plain-a");
		expect(again.log.since(SECRETS, 0)).toMatchObject([{ body: expect.stringContaining("plain-a") }]);
		again.remove(SECRETS, again.get(SECRETS, "a") as KubeObject, SUMMARY, NOW_MS);
		expect(kept(sql)).not.toContain("plain-a");
	});

	it("opens nothing that was changed, or moved to another object's place", () => {
		const seal = new Envelope(newSql(), testKeyring("k1"));
		const sealed = seal.seal("{}", "secrets/a");
		expect(seal.open(sealed, "secrets/a")).toBe("{}");
		expect(() => seal.open(sealed, "secrets/b")).toThrow();
		const flipped = sealed.slice(0, -6) + (sealed.at(-6) === "A" ? "B" : "A") + sealed.slice(-5);
		expect(() => seal.open(flipped, "secrets/a")).toThrow();
		expect(seal.open('{"never":"sealed"}', "secrets/a")).toBe('{"never":"sealed"}');
	});

	it("seals anew what older keys sealed, and then needs them no more", () => {
		const sql = newSql();
		for (let i = 0; i < 250; i++) put(storeOf(sql, "k1"), `s${i}`);
		const rotated = storeOf(sql, "k2", "k1");
		expect(rotated.get(SECRETS, "s7")).toMatchObject({ data: { password: "plain-s7" } });
		put(rotated, "new");
		expect(rotated.needsResealing).toBe(true);
		let batches = 1;
		while (rotated.reseal()) batches++;
		expect(batches).toBe(3);
		expect(rotated.needsResealing).toBe(false);
		const after = storeOf(sql, "k2");
		expect(after.list(SECRETS)).toHaveLength(251);
		expect(after.log.since(SECRETS, 0)).toHaveLength(251);
	});

	it("fails for what a key sealed that is gone, and for nothing else", () => {
		const sql = newSql();
		put(storeOf(sql, "k1"), "old");
		const store = storeOf(sql, "k2");
		put(store, "new");
		expect(store.get(SECRETS, "new")).toBeDefined();
		expect(() => storeOf(sql, "k2").get(SECRETS, "old")).toThrow("no longer among PETREL_ENCRYPTION_KEYS");
		expect(store.reseal()).toBe(false);
		expect(storeOf(sql, "k2", "k1").get(SECRETS, "old")).toBeDefined();
	});

	it("seals what was stored before there were keys", () => {
		const sql = newSql();
		const open = new Store(sql);
		open.put(SECRETS, secret("a"), SUMMARY, undefined, NOW_MS);
		expect(kept(sql)).toContain("plain-a");
		const store = storeOf(sql, "k1");
		while (store.reseal());
		expect(kept(sql)).not.toContain("plain-a");
		expect(storeOf(sql, "k1").get(SECRETS, "a")).toMatchObject({ data: { password: "plain-a" } });
		expect(storeOf(sql, "k1").needsResealing).toBe(false);
	});
});

describe("the keyring", () => {
	it("says what is wrong with it, and no key", () => {
		const complaint = (text: string): string => {
			try {
				keyringOf(text);
			} catch (error) {
				return (error as Error).message;
			}
			return "";
		};
		expect(keyringOf(testEncryptionKeys("a", "b")).keys.map(({ kid }) => kid)).toEqual(["a", "b"]);
		expect(complaint("")).toBe("PETREL_ENCRYPTION_KEYS must be a JWK Set of 1 to 16 keys");
		expect(complaint('{"keys":[{"kty":"oct","kid":"a","k":"c2hvcnQ"}]}')).toBe("PETREL_ENCRYPTION_KEYS: key a is not of 32 bytes");
		expect(complaint('{"keys":[{"kty":"EC"}]}')).toContain('must be of kty "oct"');
	});
});
