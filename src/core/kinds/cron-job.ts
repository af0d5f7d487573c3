/** CronJob: pkg/registry/batch/cronjob, SetDefaults_CronJob, ValidateCronJob. */
import { isTimeZone } from "../cron/time-zone.ts";
import { parseSchedule } from "../cron/parse-schedule.ts";
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { byteLength } from "../meta/name-rules.ts";
import type { CronJob, CronJobSpec } from "../schema/kubernetes.d.ts";
import { ageSince } from "../table/human-duration.ts";
import { ageColumn, workloadColumns } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateJobSpec } from "./job-validation.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { validateNonNegative } from "./pod-template-validation.ts";
import { podWarnings } from "./pod-warnings.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";

/** The Jobs' names get 11 characters more and must stay labels of 63. */
const NAME_BYTES_MAX = 52;
const CONCURRENCY_POLICIES = ["Allow", "Forbid", "Replace"];

function defaults({ spec }: CronJob): void {
	if (!spec) return;
	spec.concurrencyPolicy ||= "Allow";
	spec.suspend ??= false;
	spec.successfulJobsHistoryLimit ??= 3;
	spec.failedJobsHistoryLimit ??= 1;
	const template = spec.jobTemplate?.spec?.template;
	if (template?.spec) defaultPodSpec(template.spec);
}

function validateSchedule({ schedule, timeZone }: CronJobSpec): FieldError[] {
	const errors: FieldError[] = [];
	if (!schedule) errors.push(required("spec.schedule"));
	else {
		const parsed = parseSchedule(schedule.replace(/^(?:CRON_)?TZ=\S+\s*/, ""));
		if (typeof parsed === "string") errors.push(invalid("spec.schedule", schedule, parsed));
		if (schedule.includes("TZ")) errors.push(invalid("spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
	}
	if (timeZone === undefined) return errors;
	if (timeZone === "") errors.push(invalid("spec.timeZone", timeZone, "timeZone must be nil or non-empty string"));
	else if (timeZone.toLowerCase() === "local")
		errors.push(invalid("spec.timeZone", timeZone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"));
	else if (!isTimeZone(timeZone)) errors.push(invalid("spec.timeZone", timeZone, `unknown time zone ${timeZone}`));
	return errors;
}

function validate({ metadata, spec }: CronJob): FieldError[] {
	const errors: FieldError[] = [];
	if (byteLength(metadata.name ?? "") > NAME_BYTES_MAX && !metadata.resourceVersion)
		errors.push(invalid("metadata.name", metadata.name, `must be no more than ${NAME_BYTES_MAX} characters`));
	if (!spec) return [...errors, required("spec.schedule")];
	errors.push(...validateSchedule(spec), ...validateNonNegative({ "spec.startingDeadlineSeconds": spec.startingDeadlineSeconds }));
	if (!spec.concurrencyPolicy) errors.push(required("spec.concurrencyPolicy"));
	else if (!CONCURRENCY_POLICIES.includes(spec.concurrencyPolicy))
		errors.push(notSupported("spec.concurrencyPolicy", spec.concurrencyPolicy, CONCURRENCY_POLICIES));
	const job = spec.jobTemplate?.spec;
	if (job?.manualSelector) errors.push(notSupported("spec.jobTemplate.spec.manualSelector", true, ["nil", "false"]));
	errors.push(...validateJobSpec(job ?? { template: {} }, "spec.jobTemplate.spec"));
	errors.push(
		...validateNonNegative({ "spec.successfulJobsHistoryLimit": spec.successfulJobsHistoryLimit, "spec.failedJobsHistoryLimit": spec.failedJobsHistoryLimit }),
	);
	return errors;
}

export const cronJobKind = defineKind<CronJob>({
	group: "batch",
	version: "v1",
	kind: "CronJob",
	plural: "cronjobs",
	singular: "cronjob",
	shortNames: ["cj"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "batch/v1.CronJob",
	podTemplate: (cronJob) => cronJob.spec?.jobTemplate?.spec?.template,
	subresources: { status: statusSubresource },
	defaults,
	prepareCreate(cronJob) {
		startGeneration(cronJob);
		cronJob.status = {};
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	warnings: (cronJob) => {
		const { spec, metadata } = cronJob.spec?.jobTemplate?.spec?.template ?? {};
		return podWarnings(spec, metadata?.annotations, "spec.jobTemplate.spec.template.");
	},
	columns: [
		{
			name: "Schedule",
			type: "string",
			description: "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron.",
			cell: (cronJob) => cronJob.spec?.schedule ?? "",
		},
		{
			name: "Timezone",
			type: "string",
			description:
				"The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones. If not specified, this will default to the time zone of the kube-controller-manager process. The set of valid time zone names and the time zone offset is loaded from the system-wide time zone database by the API server during CronJob validation and the controller manager during execution. If no system-wide time zone database can be found a bundled version of the database is used instead. If the time zone name becomes invalid during the lifetime of a CronJob or due to a change in host configuration, the controller will stop creating new new Jobs and will create a system event with the reason UnknownTimeZone. More information can be found in https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones",
			cell: (cronJob) => cronJob.spec?.timeZone ?? "<none>",
		},
		{
			name: "Suspend",
			type: "boolean",
			description: "This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.  Defaults to false.",
			cell: (cronJob) => (cronJob.spec?.suspend === undefined ? "<unset>" : cronJob.spec.suspend ? "True" : "False"),
		},
		{ name: "Active", type: "integer", description: "A list of pointers to currently running jobs.", cell: (cronJob) => cronJob.status?.active?.length ?? 0 },
		{
			name: "Last Schedule",
			type: "string",
			description: "Information when was the last time the job was successfully scheduled.",
			cell: (cronJob, { nowMs }) => (cronJob.status?.lastScheduleTime ? ageSince(cronJob.status.lastScheduleTime, nowMs) : "<none>"),
		},
		ageColumn,
		...workloadColumns<CronJob>(
			(cronJob) => cronJob.spec?.jobTemplate?.spec?.template,
			(cronJob) => cronJob.spec?.jobTemplate?.spec?.selector,
			"A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
		),
	],
});
