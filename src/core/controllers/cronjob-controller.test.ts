import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import type { CronJob, CronJobSpec, Job } from "../schema/kubernetes.d.ts";
import { cronJobController } from "./cronjob-controller.ts";
import { metaTime } from "./meta-time.ts";

const MINUTE_MS = 60_000;

function world(spec: Partial<CronJobSpec> = {}): MemoryWorld {
	const made = new MemoryWorld([cronJobController]);
	const template = { metadata: { labels: { app: "tick" } }, spec: { containers: [{ name: "main", image: "tick:1" }] } };
	const cronJob: CronJob = {
		apiVersion: "batch/v1",
		kind: "CronJob",
		metadata: { name: "tick" },
		spec: {
			schedule: "*/5 * * * *",
			concurrencyPolicy: "Allow",
			suspend: false,
			successfulJobsHistoryLimit: 3,
			failedJobsHistoryLimit: 1,
			jobTemplate: { metadata: { labels: { from: "cron" } }, spec: { template } },
			...spec,
		},
	};
	made.create("batch/cronjobs", cronJob);
	made.drain();
	return made;
}

const jobs = (w: MemoryWorld): Job[] => w.list<Job>("batch/jobs");
const startedAt = (w: MemoryWorld): string[] => jobs(w).map(({ metadata }) => metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"] ?? "");
const status = (w: MemoryWorld) => w.get<CronJob>("batch/cronjobs", "tick")?.status;
const reasons = (w: MemoryWorld): string[] => w.events.map(({ reason }) => reason);

function finish(w: MemoryWorld, name: string | undefined, type: "Complete" | "Failed" = "Complete"): void {
	const now = metaTime(w.nowMs);
	w.edit<Job>("batch/jobs", name ?? "", (job) => {
		job.status = {
			startTime: job.metadata.creationTimestamp,
			conditions: [{ type, status: "True", lastTransitionTime: now }],
			...(type === "Complete" ? { completionTime: now } : {}),
		};
	});
	w.drain();
}

it("starts a Job at each time, under a name of that time", () => {
	const w = world();
	expect(jobs(w)).toEqual([]);
	w.advance(5 * MINUTE_MS + 1_000);
	expect(jobs(w).map(({ metadata: { name, labels, ownerReferences } }) => [name, labels, ownerReferences?.[0]?.kind])).toEqual([
		["tick-29453765", { from: "cron" }, "CronJob"],
	]);
	expect(startedAt(w)).toEqual(["2026-01-01T00:05:00Z"]);
	expect(status(w)).toMatchObject({ lastScheduleTime: "2026-01-01T00:05:00Z", active: [{ kind: "Job", name: "tick-29453765" }] });
	finish(w, "tick-29453765");
	expect(status(w)).toEqual({ lastScheduleTime: "2026-01-01T00:05:00Z", lastSuccessfulTime: metaTime(w.nowMs) });
	expect(reasons(w)).toEqual(["SuccessfulCreate", "SawCompletedJob"]);
});

it("goes by the clocks of its time zone", () => {
	const w = world({ schedule: "0 9 * * *", timeZone: "Europe/Berlin" });
	w.advance(24 * 60 * MINUTE_MS);
	expect(startedAt(w)).toEqual(["2026-01-01T09:00:00+01:00"]);
});

it("starts the next Job of an interval when it is over, whatever happened meanwhile", () => {
	const w = world({ schedule: "@every 10m" });
	w.advance(11 * MINUTE_MS);
	finish(w, jobs(w)[0]?.metadata.name);
	w.advance(8 * MINUTE_MS);
	expect(startedAt(w)).toEqual(["2026-01-01T00:10:00Z"]);
	w.advance(1 * MINUTE_MS + 1_000);
	expect(startedAt(w)).toEqual(["2026-01-01T00:10:00Z", "2026-01-01T00:20:00Z"]);
});

describe("concurrency", () => {
	it.each([
		["Allow", ["00:05", "00:10"]],
		["Forbid", ["00:05"]],
		["Replace", ["00:10"]],
	] as const)("%s leaves the Jobs of %j", (concurrencyPolicy, times) => {
		const w = world({ concurrencyPolicy });
		w.advance(11 * MINUTE_MS);
		expect(startedAt(w)).toEqual(times.map((time) => `2026-01-01T${time}:00Z`));
		expect(status(w)?.active?.map(({ name }) => name)).toEqual(jobs(w).map(({ metadata }) => metadata.name));
	});

	it("starts what it missed under Forbid when the former Job has ended", () => {
		const w = world({ concurrencyPolicy: "Forbid" });
		w.advance(11 * MINUTE_MS);
		finish(w, jobs(w)[0]?.metadata.name);
		expect(startedAt(w)).toEqual(["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]);
	});
});

describe("missed times", () => {
	const asleep = (spec: Partial<CronJobSpec>, minutes: number): MemoryWorld => {
		const w = world(spec);
		w.nowMs += minutes * MINUTE_MS;
		w.enqueue("cronjob", "tick");
		w.drain();
		return w;
	};

	it("starts the last one alone", () => {
		expect(startedAt(asleep({}, 33))).toEqual(["2026-01-01T00:30:00Z"]);
	});

	it("starts none that is older than startingDeadlineSeconds", () => {
		expect(startedAt(asleep({ startingDeadlineSeconds: 60 }, 33))).toEqual([]);
		expect(startedAt(asleep({ startingDeadlineSeconds: 600 }, 33))).toEqual(["2026-01-01T00:30:00Z"]);
	});

	it("keep an interval in step with the time that it began", () => {
		expect(startedAt(asleep({ schedule: "@every 7m" }, 33))).toEqual(["2026-01-01T00:28:00Z"]);
	});

	it("warns of more than a hundred, and goes on", () => {
		const w = asleep({}, 60 * 24 * 7 + 3);
		expect(reasons(w)).toContain("TooManyMissedTimes");
		expect(startedAt(w)).toEqual(["2026-01-08T00:00:00Z"]);
	});
});

it("starts nothing while suspended", () => {
	const w = world({ suspend: true });
	w.advance(11 * MINUTE_MS);
	expect(jobs(w)).toEqual([]);
	w.edit<CronJob>("batch/cronjobs", "tick", ({ spec }) => void Object.assign(spec ?? {}, { suspend: false }));
	w.drain();
	expect(startedAt(w)).toEqual(["2026-01-01T00:10:00Z"]);
});

it("keeps as many ended Jobs as the limits say", () => {
	const w = world({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 });
	for (let i = 0; i < 5; i++) {
		w.advance(5 * MINUTE_MS + 1_000);
		finish(w, status(w)?.active?.[0]?.name, i === 3 ? "Failed" : "Complete");
	}
	expect(startedAt(w).map((time) => time.slice(11, 16))).toEqual(["00:15", "00:25"]);
});

it("says what is wrong with its schedule or zone", () => {
	expect([...new Set(reasons(world({ schedule: "never" })))]).toEqual(["UnparseableSchedule"]);
	expect([...new Set(reasons(world({ schedule: "TZ=Europe/Berlin 0 9 * * *" })))]).toEqual(["UnsupportedSchedule"]);
	expect([...new Set(reasons(world({ timeZone: "Mars/Base" })))]).toEqual(["UnknownTimeZone"]);
});
