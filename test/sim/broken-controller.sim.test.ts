/** The simulator's own test: controllers are broken on purpose, one after another, and a seed finds each. */
import { beforeEach, expect, it, vi } from "vitest";
import type * as JobTemplate from "../../src/core/controllers/cronjob/job-template.ts";
import type * as JobCounts from "../../src/core/controllers/job/job-counts.ts";
import type * as ServiceEndpoints from "../../src/core/controllers/service-endpoints.ts";
import type * as StatefulRollout from "../../src/core/controllers/statefulset/rollout.ts";
import { runCronJobStorm } from "./cronjob-storm.ts";
import { runJobStorm } from "./job-storm.ts";
import { runServicesStorm } from "./services-storm.ts";
import { runStatefulSetStorm } from "./statefulset-storm.ts";

/** Seeds tried until one finds the fault. */
const SEEDS_MAX = 10;

const broken = vi.hoisted(() => ({ controller: "" }));
beforeEach(() => {
	broken.controller = "";
});

vi.mock("../../src/core/controllers/job/job-counts.ts", async (importOriginal) => {
	const original = await importOriginal<typeof JobCounts>();
	return {
		...original,
		/** A pod that is deleted before it ends counts as a success: a fault that only some orders of events show. */
		countPods(...[job, pods, nowMs]: Parameters<typeof JobCounts.countPods>): ReturnType<typeof JobCounts.countPods> {
			const counts = original.countPods(job, pods, nowMs);
			if (broken.controller !== "job") return counts;
			const deleted = counts.counted.filter(({ metadata, status }) => metadata.deletionTimestamp && status?.phase !== "Succeeded").length;
			return { ...counts, succeeded: counts.succeeded + deleted };
		},
	};
});

vi.mock("../../src/core/controllers/statefulset/rollout.ts", async (importOriginal) => {
	const original = await importOriginal<typeof StatefulRollout>();
	return {
		...original,
		/** The pod is forgotten at once, and its successor made while its container may still run. */
		deletePod(...[rollout, pod]: Parameters<typeof StatefulRollout.deletePod>): void {
			original.deletePod(rollout, pod);
			if (broken.controller === "statefulset") for (const action of rollout.actions) if (action.type === "delete") action.gracePeriodSeconds = 0;
		},
	};
});

vi.mock("../../src/core/controllers/cronjob/job-template.ts", async (importOriginal) => {
	const original = await importOriginal<typeof JobTemplate>();
	/** The controller does not know the Jobs that it made, and so not that one still runs. */
	const isScheduled: typeof JobTemplate.isScheduled = (job) => broken.controller !== "cronjob" && original.isScheduled(job);
	return { ...original, isScheduled };
});

vi.mock("../../src/core/controllers/service-endpoints.ts", async (importOriginal) => {
	const original = await importOriginal<typeof ServiceEndpoints>();
	/** Pods that go are not noticed. */
	const servicesOfPod: typeof ServiceEndpoints.servicesOfPod = (change, view) =>
		broken.controller === "endpoints" && (change.object ?? change.old)?.metadata.deletionTimestamp ? [] : original.servicesOfPod(change, view);
	return { ...original, servicesOfPod };
});

it.each([
	["a Job controller that takes deleted pods for successes", "job", (seed: number) => runJobStorm(seed, "NonIndexed")],
	["a StatefulSet controller that does not wait for a pod's end", "statefulset", runStatefulSetStorm],
	["a CronJob controller that forgets its Jobs", "cronjob", runCronJobStorm],
	["endpoints controllers that do not notice pods that go", "endpoints", runServicesStorm],
])("finds %s, and names the seed", async (_fault, controller, run) => {
	broken.controller = controller;
	const found: string[] = [];
	for (let seed = 1; seed <= SEEDS_MAX && found.length === 0; seed++)
		await run(seed).catch((error: Error) => found.push(`seed ${seed}: ${error.message.split("\n")[0]}`));
	expect(found).toHaveLength(1);
	expect(found[0]).toMatch(/^seed \d+: .*expected /);
});
