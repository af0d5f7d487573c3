/** The change log's limits: it is short after a burst at once, and empty after a quiet while, for few alarms. */
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/core/meta/object.ts";
import { COMPACTION_SLACK_MS, LOG_ENTRIES_MAX, LOG_RETENTION_MS } from "../../src/store/change-log.ts";
import { World } from "./world.ts";

const CONFIG_MAPS = "configmaps";
const target = { resource: CONFIG_MAPS, namespace: "default" };
const configMap = (name: string): KubeObject => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

describe("the change log", () => {
	it("is cut to its length by writes alone, whatever its age", async () => {
		const world = new World(1);
		await world.api({ verb: "create", ...target }, configMap("a"));
		const { server } = world.namespace("default").core;
		const { log, clock } = server.store;
		server.transaction(() => {
			for (let i = 0; i < LOG_ENTRIES_MAX; i++)
				log.append({ revision: clock.next(world.nowMs), resource: CONFIG_MAPS, name: "filler", type: "MODIFIED", previous: null, body: "{}", old: null });
		});
		for (let i = 0; i < LOG_ENTRIES_MAX / 10; i++) await world.api({ verb: "create", ...target }, configMap(`b${i}`));
		await world.run(1_000);
		const kept = log.since(CONFIG_MAPS, log.compactedRevision());
		expect(kept.length).toBeLessThanOrEqual(LOG_ENTRIES_MAX);
		expect(kept.length).toBeGreaterThan(LOG_ENTRIES_MAX / 2);
		expect(log.since(CONFIG_MAPS, 1)).toBe("expired");
	});

	it("goes with one alarm for the changes of minutes", async () => {
		const world = new World(2);
		for (let i = 0; i < 20; i++) {
			await world.api({ verb: "create", ...target }, configMap(`a${i}`));
			await world.run(10_000);
		}
		const { server } = world.namespace("default").core;
		expect(server.store.log.since(CONFIG_MAPS, 1)).toHaveLength(21);
		let compactions = 0;
		const compact = server.store.log.compact.bind(server.store.log);
		server.store.log.compact = (nowMs) => {
			compactions++;
			return compact(nowMs);
		};
		await world.run(2 * (LOG_RETENTION_MS + COMPACTION_SLACK_MS));
		expect(server.store.log.compactionDueMs()).toBeUndefined();
		expect(compactions).toBeLessThanOrEqual(2);
	});
});
