/** Creates a Job from a CronJob as `kubectl create job --from` does, with parameters out of the event. */
import { fnv1a32, safeEncode } from "../../../controllers/deployment/pod-template-hash.ts";
import { cloneJson } from "../../../meta/clone.ts";
import { DNS_LABEL_MAX } from "../../../meta/name-rules.ts";
import type { Json, JsonObject } from "../../../meta/object.ts";
import type { WebhookCreateJobAction } from "../../../schema/kubernetes.d.ts";
import { type ActionContext, FIELD_MANAGER, failed, isOk, refusal, resourcePath, type Steps, succeeded } from "../action.ts";
import { at, isObject, textAt } from "../sender.ts";
import { findContainer } from "./workload.ts";

const INSTANTIATE = "cronjob.kubernetes.io/instantiate";

/** The same for a repetition of the delivery, so that it creates no second Job. */
function jobName(cronJob: string, key: string): string {
	const suffix = `-${safeEncode(String(fnv1a32(new TextEncoder().encode(key))))}`;
	return cronJob.slice(0, DNS_LABEL_MAX - suffix.length) + suffix;
}

function withEnv(env: Json | undefined, parameters: readonly { name: string; value: string }[]): Json[] {
	const names = new Set(parameters.map(({ name }) => name));
	const kept = (Array.isArray(env) ? env : []).filter((variable) => !names.has(textAt(variable, "name")));
	return [...kept, ...parameters.map(({ name, value }) => ({ name, value }))];
}

function withParameters(jobSpec: JsonObject, list: string, name: string, spec: WebhookCreateJobAction, { expressions }: ActionContext): JsonObject {
	const next = cloneJson(jobSpec);
	const containers = at(next, "template", "spec", list) as JsonObject[];
	const container = containers.find((one) => one["name"] === name) as JsonObject;
	const parameters = (spec.env ?? []).map((one) => ({ name: one.name, value: expressions.text(one.value ?? "") }));
	if (parameters.length > 0) container["env"] = withEnv(container["env"], parameters);
	if (spec.args !== undefined) container["args"] = spec.args.map((text) => expressions.text(text));
	return next;
}

export function* createJob(spec: WebhookCreateJobAction, context: ActionContext): Steps {
	const namespace = spec.namespace || context.namespace;
	const found = yield { type: "request", method: "GET", path: resourcePath("batch/v1", "cronjobs", namespace, spec.cronJob) };
	if (!isOk(found)) return refusal(found);
	const template = at(found.body, "spec", "jobTemplate");
	const jobSpec = at(template, "spec");
	if (!isObject(jobSpec)) return failed(`cronjob/${spec.cronJob} has no job template`);
	let made = jobSpec;
	if (spec.env !== undefined || spec.args !== undefined) {
		const container = findContainer(at(jobSpec, "template"), spec.container);
		if (typeof container === "string") return failed(`cronjob/${spec.cronJob}: ${container}`);
		made = withParameters(jobSpec, container.list, container.name, spec, context);
	}
	const name = jobName(spec.cronJob, context.key);
	const annotations = { [INSTANTIATE]: "manual", ...((at(template, "metadata", "annotations") as JsonObject | undefined) ?? {}) };
	const labels = at(template, "metadata", "labels");
	const owner = { apiVersion: "batch/v1", kind: "CronJob", name: spec.cronJob, uid: textAt(found.body, "metadata", "uid"), controller: true };
	const metadata = { name, namespace, annotations, ...(labels === undefined ? {} : { labels }), ownerReferences: [owner] };
	const body = { apiVersion: "batch/v1", kind: "Job", metadata, spec: made };
	const created = yield { type: "request", method: "POST", path: resourcePath("batch/v1", "jobs", namespace), query: { fieldManager: FIELD_MANAGER }, body };
	if (isOk(created)) return succeeded(`job/${name} created`);
	if (created.code === 409 && textAt(created.body, "reason") === "AlreadyExists") return succeeded(`job/${name} has been created already`);
	return refusal(created);
}
