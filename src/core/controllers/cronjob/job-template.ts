/** The Job that a CronJob starts at one of its times. */
import type { OwnerReference } from "../../meta/object.ts";
import { timeZone } from "../../cron/time-zone.ts";
import type { CronJob, Job } from "../../schema/kubernetes.d.ts";
import { draftOf, nameOf } from "../identity.ts";

const SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp";
const MINUTE_MS = 60_000;

/** Whether a CronJob's schedule started it, not a user. */
export const isScheduled = (job: Job): boolean => job.metadata.annotations?.[SCHEDULED_AT] !== undefined;

/** One name for one time: a Job is never started twice for it. */
export const jobNameFor = (cronJob: CronJob, atMs: number): string => `${nameOf(cronJob)}-${Math.floor(atMs / MINUTE_MS)}`;

export function jobFor(cronJob: CronJob, atMs: number, owner: OwnerReference): Job {
	const { metadata, spec } = draftOf(cronJob.spec?.jobTemplate) ?? {};
	return {
		apiVersion: "batch/v1",
		kind: "Job",
		metadata: {
			name: jobNameFor(cronJob, atMs),
			namespace: cronJob.metadata.namespace,
			...(metadata?.labels ? { labels: metadata.labels } : {}),
			annotations: { ...metadata?.annotations, [SCHEDULED_AT]: rfc3339(atMs, cronJob.spec?.timeZone ?? "UTC") },
			ownerReferences: [owner],
		},
		...(spec ? { spec } : {}),
	};
}

/** time.RFC3339 in a zone. */
function rfc3339(atMs: number, zone: string): string {
	const { year, month, day, hour, minute, second } = timeZone(zone).local(atMs);
	const shownMs = Date.UTC(year, month - 1, day, hour, minute, second);
	const offsetMinutes = Math.round((shownMs - atMs) / MINUTE_MS);
	const two = (n: number): string => String(n).padStart(2, "0");
	const size = Math.abs(offsetMinutes);
	const offset = offsetMinutes === 0 ? "Z" : `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
	return new Date(shownMs).toISOString().slice(0, 19) + offset;
}
