/** Every controller has a storm that is there for it, and every storm a file that runs it. */
import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { clusterControllers, type ClusterDeps, namespaceControllers, type NamespaceDeps } from "../../src/core/controllers/registry.ts";
import { freshSeeds, SIM_SEEDS_TOTAL, STORMS, WITHOUT_STORM } from "./seeds.ts";

it("each controller is covered by a storm", () => {
	const controllers = [...namespaceControllers({} as NamespaceDeps), ...clusterControllers({} as ClusterDeps)].map(({ name }) => name);
	const covered = Object.values(STORMS).flatMap(({ covers }) => covers);
	const excused = Object.keys(WITHOUT_STORM);
	expect(new Set(covered)).toEqual(new Set(controllers.filter((name) => !excused.includes(name))));
});

it("each storm has its file", () => {
	const files = readdirSync(import.meta.dirname);
	expect(Object.keys(STORMS).filter((name) => !files.includes(`${name}.sim.test.ts`))).toEqual([]);
});

it("npm run sim has a thousand seeds, and no storm a fresh seed of another's", () => {
	const fresh = [...freshSeeds(5_000, SIM_SEEDS_TOTAL).values()];
	const fixed = Object.values(STORMS).reduce((sum, storm) => sum + storm.fixed.length, 0);
	expect(fixed + fresh.reduce((sum, { count }) => sum + count, 0)).toBe(SIM_SEEDS_TOTAL);
	for (const [i, { first, count }] of fresh.entries()) expect(fresh[i + 1]?.first ?? first + count).toBe(first + count);
});
