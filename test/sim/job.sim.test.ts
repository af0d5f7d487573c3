/** Jobs under faults: whatever is lost or dies on the way, every completion is counted once, and the Job ends. */
import { describe, it } from "vitest";
import { runJobStorm } from "./job-storm.ts";

describe("Jobs under faults", () => {
	it.each([
		[31, "NonIndexed"],
		[32, "NonIndexed"],
		[33, "Indexed"],
		[34, "Indexed"],
	])("seed %d, %s: counts each success once, and completes", runJobStorm);
});
