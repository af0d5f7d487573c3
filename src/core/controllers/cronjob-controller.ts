/** Starts a CronJob's Jobs at their times and clears away old ones (k8s.io/kubernetes/pkg/controller/cronjob). */
import { nextTime } from "../cron/next-time.ts";
import { parseSchedule, type Schedule } from "../cron/parse-schedule.ts";
import { isTimeZone, type TimeZone, timeZone } from "../cron/time-zone.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { CronJob, Job, ObjectReference } from "../schema/kubernetes.d.ts";
import {
	type Action,
	type Controller,
	controllerOf,
	NOTHING,
	type ObjectChange,
	type ReconcileContext,
	type ReconcileResult,
	type View,
} from "./controller.ts";
import { dueTime, followingMs } from "./cronjob/due-time.ts";
import { isScheduled, jobFor, jobNameFor } from "./cronjob/job-template.ts";
import { controllerReference, draftOf, isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { isFinishedJob, jobCondition } from "./job/job-outcome.ts";
import { metaTime, timeMs } from "./meta-time.ts";

const CRON_JOBS = "batch/cronjobs";
const JOBS = "batch/jobs";
/** A timer may ring a little early; this long after its time nothing is missed (nextScheduleDelta). */
const NEXT_SCHEDULE_DELTA_MS = 100;

export const cronJobController: Controller = {
	name: "cronjob",
	watches: [
		{ resource: CRON_JOBS, keys: ({ object, old }) => [nameOf((object ?? old) as CronJob)] },
		{ resource: JOBS, keys: cronJobsOfJob },
	],
	hearsRefusals: true,
	reconcile,
};

function cronJobsOfJob({ old, object }: ObjectChange): string[] {
	return [old, object].flatMap((job) => {
		const owner = job && controllerOf(job);
		return owner?.kind === "CronJob" ? [owner.name] : [];
	});
}

/** One look at one CronJob: a draft of its status and what is to be done. */
interface Look {
	readonly cronJob: CronJob;
	readonly draft: CronJob;
	readonly jobs: readonly Job[];
	readonly actions: Action[];
	readonly view: View;
	readonly ctx: ReconcileContext;
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const cronJob = view.get<CronJob>(CRON_JOBS, key);
	if (cronJob?.spec === undefined) return NOTHING;
	const look: Look = { cronJob, draft: draftOf(cronJob), jobs: view.controlledBy<Job>(JOBS, uidOf(cronJob)), actions: [], view, ctx };
	look.draft.status ??= {};
	noteFinished(look);
	clearHistory(look);
	const requeueAfterMs = isBeingDeleted(cronJob) || cronJob.spec.suspend ? undefined : startDue(look);
	if (!semanticEqual(look.draft.status, cronJob.status)) look.actions.push({ type: "updateStatus", resource: CRON_JOBS, object: look.draft });
	return { actions: look.actions, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) };
}

function event({ cronJob, actions }: Look, eventType: "Normal" | "Warning", reason: string, message: string): void {
	actions.push({ type: "event", about: cronJob, eventType, reason, message });
}

const activeOf = ({ draft }: Look): ObjectReference[] => draft.status?.active ?? [];

function setActive({ draft }: Look, active: ObjectReference[]): void {
	if (draft.status === undefined) return;
	if (active.length > 0) draft.status.active = active;
	else delete draft.status.active;
}

const referenceTo = ({ metadata: { name, namespace, uid, resourceVersion } }: Job): ObjectReference => ({
	kind: "Job",
	namespace,
	name,
	uid,
	apiVersion: "batch/v1",
	resourceVersion,
});

/** Puts a Job that was started on the list of active ones, now that it has a uid; takes ended and lost ones off. */
function noteFinished(look: Look): void {
	const status = look.draft.status ?? {};
	for (const job of look.jobs) {
		const listed = activeOf(look).some(({ uid }) => uid === uidOf(job));
		const running = !isFinishedJob(job) && !isBeingDeleted(job);
		if (!listed && running && isScheduled(job)) setActive(look, [...activeOf(look), referenceTo(job)]);
		else if (!listed && running) event(look, "Warning", "UnexpectedJob", `Saw a job that the controller did not create or forgot: ${nameOf(job)}`);
		if (listed && isFinishedJob(job)) {
			setActive(
				look,
				activeOf(look).filter(({ uid }) => uid !== uidOf(job)),
			);
			event(look, "Normal", "SawCompletedJob", `Saw completed job: ${nameOf(job)}, condition: ${jobCondition(job, "Complete") ? "Complete" : "Failed"}`);
		}
		const completed = jobCondition(job, "Complete") ? job.status?.completionTime : undefined;
		if (completed !== undefined && (status.lastSuccessfulTime === undefined || completed > status.lastSuccessfulTime)) status.lastSuccessfulTime = completed;
	}
	for (const reference of activeOf(look)) {
		if (look.jobs.some((job) => uidOf(job) === reference.uid)) continue;
		event(look, "Normal", "MissingJob", `Active job went missing: ${reference.name}`);
		setActive(
			look,
			activeOf(look).filter(({ uid }) => uid !== reference.uid),
		);
	}
}

function deleteJob(look: Look, job: Job): void {
	look.actions.push({ type: "delete", resource: JOBS, name: nameOf(job), uid: uidOf(job), propagation: "Background" });
	event(look, "Normal", "SuccessfulDelete", `Deleted job ${nameOf(job)}`);
}

function clearHistory(look: Look): void {
	const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = look.cronJob.spec ?? {};
	const ended = look.jobs.filter((job) => !isBeingDeleted(job)).sort(byStart);
	const limits = [
		{ type: "Complete", limit: successfulJobsHistoryLimit },
		{ type: "Failed", limit: failedJobsHistoryLimit },
	];
	for (const { type, limit } of limits) {
		const those = ended.filter((job) => jobCondition(job, type));
		if (limit !== undefined) for (const job of those.slice(0, Math.max(0, those.length - limit))) deleteJob(look, job);
	}
}

function byStart(a: Job, b: Job): number {
	const [x, y] = [a, b].map((job) => timeMs(job.status?.startTime) ?? Number.POSITIVE_INFINITY) as [number, number];
	return x === y ? (nameOf(a) < nameOf(b) ? -1 : 1) : x - y;
}

/** Starts the Job whose time has come, the latest where several were missed. Returns when to look again, in milliseconds. */
function startDue(look: Look): number | undefined {
	const { cronJob, ctx } = look;
	const plan = planOf(look);
	if (plan === undefined) return undefined;
	const { schedule, zone } = plan;
	const following = (afterMs: number): number | undefined => nextTime(schedule, afterMs, zone);
	const due = dueTime(cronJob, following, ctx.nowMs);
	if (due.tooMany) {
		const message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
		event(look, "Warning", "TooManyMissedTimes", message);
	}
	if (due.atMs !== undefined) startJob(look, due.atMs);
	const next = followingMs(cronJob, following, ctx.nowMs);
	return next === undefined ? undefined : next + NEXT_SCHEDULE_DELTA_MS - ctx.nowMs;
}

function planOf(look: Look): { schedule: Schedule; zone: TimeZone } | undefined {
	const { schedule: text = "", timeZone: name } = look.cronJob.spec ?? {};
	if (name !== undefined && !isTimeZone(name))
		return void event(look, "Warning", "UnknownTimeZone", `invalid timeZone: ${JSON.stringify(name)}: unknown time zone ${name}`);
	const [, prefix, rest = text] = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(text) ?? [];
	const schedule = parseSchedule(rest);
	if (text.includes("TZ")) {
		const message = `CRON_TZ or TZ used in schedule ${JSON.stringify(text)} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`;
		event(look, "Warning", "UnsupportedSchedule", message);
	}
	if (typeof schedule === "string") return void event(look, "Warning", "UnparseableSchedule", `unparseable schedule: ${JSON.stringify(text)} : ${schedule}`);
	const zone = name ?? prefix ?? "UTC";
	return { schedule, zone: timeZone(isTimeZone(zone) ? zone : "UTC") };
}

function startJob(look: Look, atMs: number): void {
	const { cronJob, jobs, ctx, view } = look;
	const { startingDeadlineSeconds, concurrencyPolicy } = cronJob.spec ?? {};
	if (startingDeadlineSeconds !== undefined && atMs + startingDeadlineSeconds * 1000 < ctx.nowMs) {
		return event(look, "Warning", "MissSchedule", `Missed scheduled time to start a job: ${new Date(atMs).toUTCString().replace("GMT", "+0000")}`);
	}
	const name = jobNameFor(cronJob, atMs);
	if (activeOf(look).some((reference) => reference.name === name) || timeMs(cronJob.status?.lastScheduleTime) === atMs) return;
	if (concurrencyPolicy === "Forbid" && activeOf(look).length > 0) {
		return event(look, "Normal", "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid");
	}
	if (concurrencyPolicy === "Replace") replaceActive(look, jobs);
	if (ctx.refusal) return event(look, "Warning", "FailedCreate", `Error creating job: ${ctx.refusal.message}`);
	look.draft.status = { ...look.draft.status, lastScheduleTime: metaTime(atMs) };
	// Made at an earlier look whose status was lost to a restore of it: it is not made twice.
	if (view.get(JOBS, name) !== undefined) return;
	look.actions.push({ type: "create", resource: JOBS, object: jobFor(cronJob, atMs, controllerReference(cronJob)) });
	event(look, "Normal", "SuccessfulCreate", `Created job ${name}`);
}

function replaceActive(look: Look, jobs: readonly Job[]): void {
	for (const reference of activeOf(look)) {
		const job = jobs.find((one) => uidOf(one) === reference.uid);
		if (job) deleteJob(look, job);
	}
	setActive(look, []);
}
