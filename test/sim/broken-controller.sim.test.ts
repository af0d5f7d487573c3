/** The simulator's own test: a controller is broken on purpose, and a seed finds it. */
import { expect, it, vi } from "vitest";
import type * as JobCounts from "../../src/core/controllers/job/job-counts.ts";
import { runJobStorm } from "./job-storm.ts";

/** Seeds tried until one finds the fault. */
const SEEDS_MAX = 10;

vi.mock("../../src/core/controllers/job/job-counts.ts", async (importOriginal) => {
	const original = await importOriginal<typeof JobCounts>();
	return {
		...original,
		/** A pod that is deleted before it ends counts as a success: a fault that only some orders of events show. */
		countPods(...[job, pods, nowMs]: Parameters<typeof JobCounts.countPods>): ReturnType<typeof JobCounts.countPods> {
			const counts = original.countPods(job, pods, nowMs);
			const deleted = counts.counted.filter(({ metadata, status }) => metadata.deletionTimestamp && status?.phase !== "Succeeded").length;
			return { ...counts, succeeded: counts.succeeded + deleted };
		},
	};
});

it("finds a Job controller that takes deleted pods for successes, and names the seed", async () => {
	const found: string[] = [];
	for (let seed = 1; seed <= SEEDS_MAX && found.length === 0; seed++)
		await runJobStorm(seed, "NonIndexed").catch((error: Error) => found.push(`seed ${seed}: ${error.message.split("\n")[0]}`));
	expect(found).toHaveLength(1);
	expect(found[0]).toMatch(/^seed \d+: expected /);
});
