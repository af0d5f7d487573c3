/** The pods of a Job. */
import type { Container, EnvVar, Job, Pod } from "../../schema/kubernetes.d.ts";
import { controllerReference, draftOf, nameOf } from "../identity.ts";
import { failureVerdict } from "./failure-policy.ts";
import { failuresBefore, ignoredBefore } from "./job-counts.ts";
import { hasIndexLimit, INDEX_FAILURES, INDEX_IGNORED_FAILURES, INDEX_KEY, TRACKING_FINALIZER } from "./tracked-pods.ts";

/** rand.String's length in generated names, and the stem that it leaves of a label's length. */
const SUFFIX_LENGTH = 5;
const STEM_LENGTH_MAX = 58;
const INDEX_ENV = "JOB_COMPLETION_INDEX";

/** `index` is undefined in a Job without indexes; `last` is the failed pod that this one stands in for. */
export function podFor(job: Job, index: number | undefined, last: Pod | undefined, suffix: (length: number) => string): Pod {
	const { metadata, spec } = draftOf(job.spec?.template) ?? {};
	const tail = index === undefined ? "-" : `-${index}-`;
	const stem = nameOf(job).slice(0, STEM_LENGTH_MAX - tail.length) + tail;
	const pod: Pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name: stem + suffix(SUFFIX_LENGTH),
			generateName: stem,
			namespace: job.metadata.namespace,
			...(metadata?.labels ? { labels: metadata.labels } : {}),
			...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
			finalizers: [...(metadata?.finalizers ?? []), TRACKING_FINALIZER],
			ownerReferences: [controllerReference(job)],
		},
		spec: spec ?? { containers: [] },
	};
	if (index !== undefined) giveIndex(pod, job, index, last);
	return pod;
}

function giveIndex(pod: Pod, job: Job, index: number, last: Pod | undefined): void {
	pod.metadata.annotations = { ...pod.metadata.annotations, [INDEX_KEY]: String(index) };
	pod.metadata.labels = { ...pod.metadata.labels, [INDEX_KEY]: String(index) };
	if (hasIndexLimit(job)) Object.assign(pod.metadata.annotations, failureAnnotations(job, last));
	const spec = pod.spec ?? { containers: [] };
	spec.hostname = `${nameOf(job)}-${index}`;
	for (const container of [...(spec.initContainers ?? []), ...spec.containers]) addIndexVariable(container);
}

/** A pod takes over the failures of its predecessor. */
function failureAnnotations(job: Job, last: Pod | undefined): Record<string, string> {
	if (last === undefined) return { [INDEX_FAILURES]: "0" };
	const ignored = failureVerdict(job, last).action === "Ignore";
	const ignoredFailures = ignoredBefore(last) + (ignored ? 1 : 0);
	return {
		[INDEX_FAILURES]: String(failuresBefore(last) + (ignored ? 0 : 1)),
		...(ignoredFailures > 0 ? { [INDEX_IGNORED_FAILURES]: String(ignoredFailures) } : {}),
	};
}

function addIndexVariable(container: Container): void {
	if (container.env?.some(({ name }) => name === INDEX_ENV)) return;
	const variable: EnvVar = { name: INDEX_ENV, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: `metadata.labels['${INDEX_KEY}']` } } };
	container.env = [...(container.env ?? []), variable];
}
