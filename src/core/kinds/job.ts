/** Job: pkg/registry/batch/job, SetDefaults_Job. */
import type { Job } from "../schema/kubernetes.d.ts";
import { humanDuration } from "../table/human-duration.ts";
import { ageColumn, workloadColumns } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { generateSelector } from "./job-selector.ts";
import { validateJob, validateJobUpdate } from "./job-validation.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { podWarnings } from "./pod-warnings.ts";
import { nameWarnings } from "./stateful-set-validation.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";

const BACKOFF_LIMIT = 6;
const INT32_MAX = 2_147_483_647;

function defaults(job: Job): void {
	const { spec, metadata } = job;
	if (!spec) return;
	if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
	spec.parallelism ??= 1;
	// With a limit for each index, the Job as a whole has none.
	spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : INT32_MAX;
	const labels = spec.template?.metadata?.labels;
	if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
	spec.completionMode ??= "NonIndexed";
	spec.suspend ??= false;
	spec.manualSelector ??= false;
	spec.podReplacementPolicy ??= spec.podFailurePolicy ? "Failed" : "TerminatingOrFailed";
	for (const rule of spec.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= "True";
	if (spec.template?.spec) defaultPodSpec(spec.template.spec);
}

const has = (job: Job, type: string): boolean => job.status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;

function statusCell(job: Job): string {
	if (has(job, "Complete")) return "Complete";
	if (has(job, "Failed")) return "Failed";
	if (job.metadata.deletionTimestamp) return "Terminating";
	if (has(job, "Suspended")) return "Suspended";
	if (has(job, "FailureTarget")) return "FailureTarget";
	return has(job, "SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function completionsCell({ spec, status }: Job): string {
	const succeeded = status?.succeeded ?? 0;
	if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
	const parallelism = spec?.parallelism ?? 0;
	return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationCell({ status }: Job, { nowMs }: { nowMs: number }): string {
	if (!status?.startTime) return "";
	const failedAt = status.conditions?.find(({ type, status: value }) => type === "Failed" && value === "True")?.lastTransitionTime;
	const end = status.completionTime ?? failedAt;
	return humanDuration((end === undefined ? nowMs : Date.parse(end)) - Date.parse(status.startTime));
}

export const jobKind = defineKind<Job>({
	group: "batch",
	version: "v1",
	kind: "Job",
	plural: "jobs",
	singular: "job",
	categories: ["all"],
	scope: "Namespaced",
	schema: "batch/v1.Job",
	podTemplate: (job) => job.spec?.template,
	subresources: { status: statusSubresource },
	defaults,
	prepareCreate(job) {
		startGeneration(job);
		generateSelector(job);
		job.status = {};
	},
	prepareUpdate: prepareSpecUpdate,
	validate: validateJob,
	validateUpdate: validateJobUpdate,
	warnings: (job, old) => [
		...(old ? [] : nameWarnings(job.metadata.name)),
		...podWarnings(job.spec?.template?.spec, job.spec?.template?.metadata?.annotations, "spec.template."),
	],
	columns: [
		{ name: "Status", type: "string", description: "Status of the job.", cell: statusCell },
		{
			name: "Completions",
			type: "string",
			description:
				"The number of pods which reached phase Succeeded. The value increases monotonically for a given spec. However, it may decrease in reaction to scale down of elastic indexed jobs.",
			cell: completionsCell,
		},
		{ name: "Duration", type: "string", description: "Time required to complete the job.", cell: durationCell },
		ageColumn,
		...workloadColumns<Job>(
			(job) => job.spec?.template,
			(job) => job.spec?.selector,
			"A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
		),
	],
	selectableFields: { "status.successful": (job) => String(job.status?.succeeded ?? 0) },
	// As batch/v1 has it for compatibility: clients that want the pods gone say so.
	defaultPropagation: "Orphan",
});
