/** Jobs under faults: whatever is lost or dies on the way, every completion is counted once, and the Job ends. */
import { describe, it } from "vitest";
import { runJobStorm } from "./job-storm.ts";
import { seedsOf } from "./seeds.ts";

describe("Jobs under faults", () => {
	it.each(seedsOf("job"))("seed %d: counts each success once, and completes", (seed) => runJobStorm(seed, seed % 2 === 0 ? "NonIndexed" : "Indexed"));
});
