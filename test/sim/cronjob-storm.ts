/** CronJobs under faults: no time is served twice, no two Jobs run where one is allowed, and what is done with goes. */
import { expect } from "vitest";
import { timeMs } from "../../src/core/controllers/meta-time.ts";
import type { CronJob, Job } from "../../src/core/schema/kubernetes.d.ts";
import { accidents, Client, startWorld, weather } from "./storm.ts";

const MINUTE_MS = 60_000;
const STEPS = 40;
const HISTORY = 2;
const TTL_SECONDS = 90;
const BATCH = { group: "batch", namespace: "default" };
const POLICIES = ["Allow", "Forbid", "Replace"] as const;

const cronJob = (policy: string) => ({
	kind: "CronJob",
	metadata: { name: policy.toLowerCase() },
	spec: {
		schedule: "* * * * *",
		concurrencyPolicy: policy,
		successfulJobsHistoryLimit: HISTORY,
		failedJobsHistoryLimit: 1,
		jobTemplate: {
			spec: {
				backoffLimit: 1,
				// Those of the first policy go by their time, those of the others by the history's limits.
				...(policy === "Allow" ? { ttlSecondsAfterFinished: TTL_SECONDS } : {}),
				template: { spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "tick:1" }] } },
			},
		},
	},
});

const isOver = ({ status }: Job): boolean =>
	status?.conditions?.some(({ type, status }) => (type === "Complete" || type === "Failed") && status === "True") === true;

export async function runCronJobStorm(seed: number): Promise<void> {
	const { world, agents } = await startWorld(seed, ["n1", "n2"], (agent) => {
		// Some take longer than a minute.
		agent.lifeMs = () => world.random.between(1_000, 90_000);
		agent.exitCode = () => (world.random.chance(0.2) ? 1 : 0);
	});
	const client = new Client(world);
	for (const policy of POLICIES) await client.create({ ...BATCH, resource: "cronjobs" }, cronJob(policy));
	const { random } = world;
	const store = () => world.namespace("default").core.server.store;
	const jobs = (owner: string) =>
		store()
			.list<Job>("batch/jobs")
			.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === owner);
	const suspend = (value: boolean) =>
		client.patch({ ...BATCH, resource: "cronjobs", name: random.pick(POLICIES)?.toLowerCase() ?? "" }, { spec: { suspend: value } });
	/** uid of the Job of each time, by the Job's name: the name holds the time. */
	const served = new Map<string, string>();
	const never = () => {
		for (const policy of POLICIES) {
			const own = jobs(policy.toLowerCase());
			for (const { metadata } of own) {
				expect(served.get(metadata.name ?? "") ?? metadata.uid, `the Job of ${metadata.name}`).toBe(metadata.uid);
				served.set(metadata.name ?? "", metadata.uid ?? "");
			}
			if (policy !== "Allow")
				expect(own.filter((job) => !isOver(job) && !job.metadata.deletionTimestamp).length, `Jobs of ${policy} at once`).toBeLessThanOrEqual(1);
		}
	};
	const deeds = [
		...accidents(world, agents),
		() => suspend(true),
		() => suspend(false),
		() => suspend(false),
		async () => {
			const job = random.pick(store().list<Job>("batch/jobs"));
			if (job) await client.delete({ ...BATCH, resource: "jobs", name: job.metadata.name ?? "" }, "Background");
		},
	];
	await weather(world, agents, { steps: STEPS, stepMs: 10_000, calmMs: MINUTE_MS, deeds, never });
	for (const policy of POLICIES) await client.patch({ ...BATCH, resource: "cronjobs", name: policy.toLowerCase() }, { spec: { suspend: false } });
	await world.run(5 * MINUTE_MS);
	never();
	for (const policy of POLICIES) {
		const stored = store().get<CronJob>("batch/cronjobs", policy.toLowerCase()) as CronJob;
		expect(world.nowMs - (timeMs(stored.status?.lastScheduleTime) ?? 0), `the last time of ${policy}`).toBeLessThanOrEqual(
			(policy === "Forbid" ? 5 : 2) * MINUTE_MS,
		);
		const own = jobs(policy.toLowerCase());
		expect((stored.status?.active ?? []).map(({ uid }) => uid).sort()).toEqual(
			own
				.filter((job) => !isOver(job))
				.map(({ metadata }) => metadata.uid)
				.sort(),
		);
		const ended = own.filter((job) => isOver(job) && !job.metadata.deletionTimestamp);
		expect(ended.filter(({ status }) => status?.succeeded).length, `kept Jobs of ${policy}`).toBeLessThanOrEqual(HISTORY);
		if (policy !== "Allow") continue;
		for (const { metadata, status } of ended) {
			const at = status?.conditions?.find(({ type }) => type === "Complete" || type === "Failed")?.lastTransitionTime;
			expect(world.nowMs - (timeMs(at) ?? 0), `${metadata.name} ended before`).toBeLessThanOrEqual((TTL_SECONDS + 1) * 1000);
		}
	}
}
