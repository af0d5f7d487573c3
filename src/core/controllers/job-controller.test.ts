import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { pods } from "../../../test/controllers/workloads.ts";
import type { Job, JobSpec, Pod } from "../schema/kubernetes.d.ts";
import { garbageCollector } from "./garbage-collector.ts";
import { builtinKinds } from "../kinds/registry.ts";
import { isTracked } from "./job/tracked-pods.ts";
import { jobController } from "./job-controller.ts";
import { metaTime } from "./meta-time.ts";
import { ttlAfterFinishedController } from "./ttl-after-finished-controller.ts";

const JOBS = "batch/jobs";

function job(spec: Partial<JobSpec> = {}): Job {
	const template = { metadata: { labels: { job: "sum" } }, spec: { restartPolicy: "Never", containers: [{ name: "main", image: "sum:1" }] } };
	return {
		apiVersion: "batch/v1",
		kind: "Job",
		metadata: { name: "sum" },
		spec: {
			parallelism: 1,
			completions: 1,
			backoffLimit: 6,
			completionMode: "NonIndexed",
			suspend: false,
			podReplacementPolicy: "TerminatingOrFailed",
			selector: { matchLabels: { job: "sum" } },
			template,
			...spec,
		},
	};
}

function world(spec: Partial<JobSpec> = {}): MemoryWorld {
	const made = new MemoryWorld([jobController, ttlAfterFinishedController, garbageCollector({ registry: builtinKinds })]);
	made.create(JOBS, job(spec));
	made.drain();
	return made;
}

const active = (w: MemoryWorld): Pod[] =>
	pods(w).filter((pod) => pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed" && !pod.metadata.deletionTimestamp);
const status = (w: MemoryWorld) => w.get<Job>(JOBS, "sum")?.status;
const conditions = (w: MemoryWorld): string[] =>
	(status(w)?.conditions ?? []).filter((c) => c.status === "True").map(({ type, reason }) => `${type}:${reason}`);
const indexOf = (pod: Pod): number => Number(pod.metadata.annotations?.["batch.kubernetes.io/job-completion-index"]);

function finish(w: MemoryWorld, pod: Pod | undefined, exitCode = 0, extra: Partial<NonNullable<Pod["status"]>> = {}): void {
	const terminated = { exitCode, finishedAt: metaTime(w.nowMs) };
	w.edit<Pod>("pods", pod?.metadata.name ?? "", (draft) => {
		draft.status = {
			phase: exitCode === 0 ? "Succeeded" : "Failed",
			containerStatuses: [{ name: "main", image: "", imageID: "", ready: false, restartCount: 0, state: { terminated } }],
			...extra,
		};
	});
	w.drain();
}
const ofIndex = (w: MemoryWorld, index: number): Pod | undefined => active(w).find((pod) => indexOf(pod) === index);

describe("counting", () => {
	it("runs as many as asked for until enough have succeeded, then is complete", () => {
		const w = world({ completions: 3, parallelism: 2 });
		expect(active(w)).toHaveLength(2);
		expect(pods(w).every(isTracked)).toBe(true);
		expect(status(w)).toMatchObject({ active: 2, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
		finish(w, active(w)[0]);
		expect([active(w).length, status(w)?.succeeded]).toEqual([2, 1]);
		finish(w, active(w)[0]);
		expect([active(w).length, status(w)?.succeeded]).toEqual([1, 2]);
		finish(w, active(w)[0]);
		expect(conditions(w)).toEqual(["SuccessCriteriaMet:CompletionsReached", "Complete:CompletionsReached"]);
		expect(status(w)?.completionTime).toBe(metaTime(w.nowMs));
		expect(pods(w).some(isTracked)).toBe(false);
		expect(w.events.at(-1)).toMatchObject({ reason: "Completed", message: "Job completed" });
	});

	it("counts a pod that was deleted before it ended as failed, once, and lets it go", () => {
		const w = world();
		const name = active(w)[0]?.metadata.name ?? "";
		w.remove("pods", name, { gracePeriodSeconds: 0 });
		w.drain();
		expect(w.get("pods", name)).toBeUndefined();
		expect(status(w)?.failed).toBe(1);
	});

	it("ends a work queue with the first success, once the others have ended", () => {
		const w = world({ completions: undefined, parallelism: 3 });
		finish(w, active(w)[0]);
		expect([active(w).length, conditions(w)]).toEqual([2, []]);
		finish(w, active(w)[0], 1);
		finish(w, active(w)[0]);
		expect(conditions(w)).toEqual(["SuccessCriteriaMet:CompletionsReached", "Complete:CompletionsReached"]);
	});

	it("does not hold the pods of a Job that is gone", () => {
		const w = world();
		w.remove(JOBS, "sum");
		w.drain();
		expect(pods(w)).toEqual([]);
	});
});

describe("failures", () => {
	it("waits 10 s, 20 s, 40 s before it replaces them", () => {
		const w = world();
		for (const waitMs of [10_000, 20_000, 40_000]) {
			finish(w, active(w)[0], 1);
			expect(active(w)).toHaveLength(0);
			w.advance(waitMs - 1_000);
			expect(active(w)).toHaveLength(0);
			w.advance(1_000);
			expect(active(w)).toHaveLength(1);
		}
	});

	it("fails the Job beyond backoffLimit, and waits for what still runs", () => {
		const w = world({ backoffLimit: 0, parallelism: 2, completions: 2 });
		const other = active(w)[1];
		w.edit<Pod>("pods", other?.metadata.name ?? "", (pod) => void Object.assign(pod.spec ?? {}, { nodeName: "n1" }));
		finish(w, active(w)[0], 1);
		expect(conditions(w)).toEqual(["FailureTarget:BackoffLimitExceeded"]);
		expect(status(w)?.terminating).toBe(1);
		w.remove("pods", other?.metadata.name ?? "", { gracePeriodSeconds: 0 });
		w.drain();
		expect(conditions(w)).toEqual(["FailureTarget:BackoffLimitExceeded", "Failed:BackoffLimitExceeded"]);
		expect(w.events.at(-1)).toMatchObject({ reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit" });
	});

	it("fails the Job after activeDeadlineSeconds", () => {
		const w = world({ activeDeadlineSeconds: 30 });
		w.advance(29_000);
		expect(conditions(w)).toEqual([]);
		w.advance(1_000);
		expect(conditions(w)).toEqual(["FailureTarget:DeadlineExceeded", "Failed:DeadlineExceeded"]);
		expect(active(w)).toHaveLength(0);
	});

	it("goes by the failure policy: exit codes fail the Job, disruptions do not count", () => {
		const rules = [
			{ action: "FailJob", onExitCodes: { containerName: "main", operator: "In", values: [42] } },
			{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
		];
		const w = world({ backoffLimit: 0, podFailurePolicy: { rules }, podReplacementPolicy: "Failed" });
		finish(w, active(w)[0], 1, { conditions: [{ type: "DisruptionTarget", status: "True" }] });
		expect([status(w)?.failed, conditions(w)]).toEqual([undefined, []]);
		w.advance(10_000);
		finish(w, active(w)[0], 42);
		expect(conditions(w)).toEqual(["FailureTarget:PodFailurePolicy", "Failed:PodFailurePolicy"]);
		expect(status(w)?.conditions?.at(-1)?.message).toMatch(
			/^Container main for pod default\/sum-\w{5} failed with exit code 42 matching FailJob rule at index 0$/,
		);
	});

	it("replaces a pod on its way out at once, or when it has ended", () => {
		for (const [podReplacementPolicy, count] of [
			["TerminatingOrFailed", 1],
			["Failed", 0],
		] as const) {
			const w = world({ podReplacementPolicy });
			const name = active(w)[0]?.metadata.name ?? "";
			w.edit<Pod>("pods", name, (pod) => void Object.assign(pod.spec ?? {}, { nodeName: "n1" }));
			w.remove("pods", name);
			w.drain();
			w.advance(10_000);
			expect(active(w)).toHaveLength(count);
			w.remove("pods", name, { gracePeriodSeconds: 0 });
			w.drain();
			w.advance(20_000);
			expect([active(w).length, status(w)?.failed]).toEqual([1, 1]);
		}
	});
});

describe("indexes", () => {
	const indexed = { completionMode: "Indexed", completions: 4, parallelism: 2 };

	it("gives each pod its index, host name and variable, and counts indexes", () => {
		const w = world(indexed);
		expect(active(w).map(indexOf)).toEqual([0, 1]);
		const pod = active(w)[1];
		expect(pod?.metadata.name).toMatch(/^sum-1-\w{5}$/);
		expect(pod?.metadata.labels?.["batch.kubernetes.io/job-completion-index"]).toBe("1");
		expect(pod?.spec?.hostname).toBe("sum-1");
		expect(pod?.spec?.containers[0]?.env).toEqual([
			{ name: "JOB_COMPLETION_INDEX", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" } } },
		]);
		finish(w, ofIndex(w, 1));
		expect(active(w).map(indexOf).sort()).toEqual([0, 2]);
		for (const index of [2, 3, 0]) finish(w, ofIndex(w, index));
		expect(status(w)).toMatchObject({ succeeded: 4, completedIndexes: "0-3" });
		expect(conditions(w)).toContain("Complete:CompletionsReached");
	});

	it("fails an index beyond its own limit, and the Job when no other is left", () => {
		const w = world({ ...indexed, completions: 2, backoffLimitPerIndex: 1, backoffLimit: 2_147_483_647 });
		finish(w, ofIndex(w, 0), 1);
		expect(status(w)?.failed).toBeUndefined();
		w.advance(10_000);
		expect(ofIndex(w, 0)?.metadata.annotations?.["batch.kubernetes.io/job-index-failure-count"]).toBe("1");
		expect(status(w)?.failed).toBe(1);
		finish(w, ofIndex(w, 0), 1);
		expect(status(w)).toMatchObject({ failed: 2, failedIndexes: "0" });
		finish(w, ofIndex(w, 1));
		expect(conditions(w)).toEqual(["FailureTarget:FailedIndexes", "Failed:FailedIndexes"]);
		expect(status(w)).toMatchObject({ succeeded: 1, completedIndexes: "1", failedIndexes: "0" });
	});

	it("gives up beyond maxFailedIndexes, and fails an index at once on a FailIndex rule", () => {
		const rules = [{ action: "FailIndex", onExitCodes: { operator: "In", values: [3] } }];
		const w = world({
			...indexed,
			backoffLimitPerIndex: 5,
			maxFailedIndexes: 1,
			backoffLimit: 2_147_483_647,
			podFailurePolicy: { rules },
			podReplacementPolicy: "Failed",
		});
		finish(w, ofIndex(w, 0), 3);
		expect([status(w)?.failedIndexes, conditions(w)]).toEqual(["0", []]);
		finish(w, ofIndex(w, 1), 3);
		expect(conditions(w)).toEqual(["FailureTarget:MaxFailedIndexesExceeded", "Failed:MaxFailedIndexesExceeded"]);
	});

	it("ends early when the success policy is met", () => {
		const w = world({ ...indexed, parallelism: 4, successPolicy: { rules: [{ succeededIndexes: "0,2", succeededCount: 1 }] } });
		finish(w, ofIndex(w, 1));
		expect(conditions(w)).toEqual([]);
		finish(w, ofIndex(w, 2));
		expect(conditions(w)).toEqual(["SuccessCriteriaMet:SuccessPolicy", "Complete:SuccessPolicy"]);
		expect(status(w)?.completedIndexes).toBe("1,2");
	});

	it("does not count what it takes away when the success policy is met as failed", () => {
		const w = world({ ...indexed, parallelism: 4, successPolicy: { rules: [{ succeededIndexes: "1" }] } });
		for (const pod of active(w)) w.edit<Pod>("pods", pod.metadata.name ?? "", (draft) => void Object.assign(draft.spec ?? {}, { nodeName: "n1" }));
		finish(w, ofIndex(w, 1));
		expect([conditions(w), status(w)?.failed, status(w)?.terminating]).toEqual([["SuccessCriteriaMet:SuccessPolicy"], undefined, 3]);
	});

	it("counts no pod that has no index of the Job's", () => {
		const w = world({ ...indexed, completions: 2 });
		const [first] = active(w);
		w.edit<Pod>(
			"pods",
			first?.metadata.name ?? "",
			(pod) => void Object.assign(pod.metadata.annotations ?? {}, { "batch.kubernetes.io/job-completion-index": "8" }),
		);
		finish(w, first, 1);
		expect([status(w)?.failed, isTracked(w.get<Pod>("pods", first?.metadata.name ?? "") as Pod)]).toEqual([undefined, false]);
	});

	it("lets an index that waits for its back-off keep its turn", () => {
		const w = world({ ...indexed, parallelism: 1, backoffLimitPerIndex: 2 });
		finish(w, ofIndex(w, 0), 1);
		expect(active(w)).toEqual([]);
		w.advance(10_000);
		expect(active(w).map(indexOf)).toEqual([0]);
	});

	it("counts failures of indexes that wait for new pods against backoffLimit", () => {
		const w = world({ ...indexed, backoffLimitPerIndex: 5, backoffLimit: 0 });
		finish(w, ofIndex(w, 0), 1);
		expect(conditions(w)).toContain("FailureTarget:BackoffLimitExceeded");
	});

	it("names hosts after indexes whatever the template says", () => {
		const template = {
			metadata: { labels: { job: "sum" } },
			spec: { restartPolicy: "Never", hostname: "mine", containers: [{ name: "main", image: "sum:1" }] },
		};
		expect(active(world({ ...indexed, template })).map(({ spec }) => spec?.hostname)).toEqual(["sum-0", "sum-1"]);
	});
});

it("warns of successes beyond what was wanted", () => {
	const w = world({ completions: 1 });
	const spare = structuredClone(active(w)[0]) as Pod;
	Object.assign(spare.metadata, { name: "sum-spare", uid: undefined, resourceVersion: undefined });
	spare.status = { phase: "Succeeded" };
	w.create("pods", spare);
	finish(w, active(w)[0]);
	expect(w.events.slice(-2).map(({ reason }) => reason)).toEqual(["TooManySucceededPods", "Completed"]);
});

describe("suspension", () => {
	it("takes the pods away, and begins anew when resumed", () => {
		const w = world();
		w.edit<Job>(JOBS, "sum", ({ spec }) => void Object.assign(spec ?? {}, { suspend: true }));
		w.drain();
		expect([active(w).length, conditions(w), status(w)?.startTime]).toEqual([0, ["Suspended:JobSuspended"], undefined]);
		w.advance(1_000);
		w.edit<Job>(JOBS, "sum", ({ spec }) => void Object.assign(spec ?? {}, { suspend: false }));
		w.drain();
		expect([active(w).length, conditions(w), status(w)?.startTime]).toEqual([1, [], metaTime(w.nowMs)]);
		expect(w.events.map(({ reason }) => reason)).toEqual(expect.arrayContaining(["Suspended", "Resumed"]));
	});

	it("does not count pods that it takes away itself, on suspension or when it shrinks, as failed", () => {
		const w = world({ parallelism: 3, completions: 10, backoffLimit: 0 });
		for (const change of [{ parallelism: 1 }, { suspend: true }, { suspend: false, parallelism: 3 }]) {
			for (const pod of active(w)) w.edit<Pod>("pods", pod.metadata.name ?? "", (draft) => void Object.assign(draft.spec ?? {}, { nodeName: "n1" }));
			w.edit<Job>(JOBS, "sum", ({ spec }) => void Object.assign(spec ?? {}, change));
			w.drain();
		}
		expect([active(w).length, status(w)?.failed, conditions(w)]).toEqual([3, undefined, []]);
	});
});

it("deletes a finished Job after its time to live", () => {
	const w = world({ ttlSecondsAfterFinished: 60 });
	finish(w, active(w)[0]);
	w.advance(59_000);
	expect(status(w)).toBeDefined();
	w.advance(1_000);
	w.drain();
	expect([w.get(JOBS, "sum"), pods(w)]).toEqual([undefined, []]);
});

it("leaves a Job alone that another controller manages", () => {
	const w = world({ managedBy: "example.com/queue" });
	expect([pods(w), status(w)]).toEqual([[], undefined]);
});
