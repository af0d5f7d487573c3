/** The selector and labels by which a Job knows its pods: generateSelector of pkg/registry/batch/job. */
import type { Job } from "../schema/kubernetes.d.ts";

export const CONTROLLER_UID = "batch.kubernetes.io/controller-uid";
export const JOB_NAME = "batch.kubernetes.io/job-name";
const LEGACY_CONTROLLER_UID = "controller-uid";
const LEGACY_JOB_NAME = "job-name";

export const generatedLabels = ({ metadata: { name = "", uid = "" } }: Job): Record<string, string> => ({
	[LEGACY_JOB_NAME]: name,
	[JOB_NAME]: name,
	[LEGACY_CONTROLLER_UID]: uid,
	[CONTROLLER_UID]: uid,
});

/** What the user wrote stays: the validation refuses what contradicts. Mutates. */
export function generateSelector(job: Job): void {
	const spec = job.spec;
	if (!spec?.template || spec.manualSelector) return;
	spec.template.metadata ??= {};
	spec.template.metadata.labels = { ...generatedLabels(job), ...spec.template.metadata.labels };
	spec.selector ??= {};
	spec.selector.matchLabels = { [CONTROLLER_UID]: job.metadata.uid ?? "", ...spec.selector.matchLabels };
}
