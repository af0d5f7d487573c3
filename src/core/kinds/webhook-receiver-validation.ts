/** Rules of webhook receivers: docs/webhooks.md has them in words. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required, tooLong, tooMany } from "../errors/field-error.ts";
import { configMapKey, dns1123Label, dns1123Subdomain, envVarName, httpHeaderName, labelValue, qualifiedName, rangeError } from "../meta/name-rules.ts";
import type {
	WebhookApplyAction,
	WebhookCreateJobAction,
	WebhookPreviewNamespaceAction,
	WebhookReceiverAction,
	WebhookReceiverHMAC,
	WebhookReceiverSecret,
	WebhookReceiverSpec,
	WebhookSetImageAction,
	WebhookWorkload,
} from "../schema/kubernetes.d.ts";
import { ACTION_TYPES } from "../webhooks/receivers/actions/actions.ts";
import { WORKLOADS } from "../webhooks/receivers/actions/workload.ts";
import { compileCondition, compileProblem, compileTemplate } from "../webhooks/receivers/templates.ts";
import { SENDERS } from "../webhooks/receivers/senders/senders.ts";
import { validateWith } from "./object-reference-validation.ts";

export const REQUESTS_PER_MINUTE_MAX = 6_000;
const ACTIONS_MAX = 32;
const LIST_MAX = 64;
/** That of a validation rule of a custom resource. */
const EXPRESSION_CHARACTERS_MAX = 10_000;
const TTL_SECONDS_MIN = 60;
const ALGORITHMS = ["SHA1", "SHA256", "SHA512"];
const ENCODINGS = ["Base64", "Hex"];
const ROLLED = Object.keys(WORKLOADS);
const RESTARTED = ROLLED.filter((kind) => kind !== "CronJob");

function validateName(name: string | undefined, path: string): FieldError[] {
	return name ? dns1123Subdomain(name).map((problem) => invalid(path, name, problem)) : [required(path)];
}

function validateTemplate(text: string | undefined, path: string): FieldError[] {
	if (!text) return [];
	if (text.length > EXPRESSION_CHARACTERS_MAX) return [tooLong(path, EXPRESSION_CHARACTERS_MAX)];
	const problem = compileProblem(() => compileTemplate(text));
	return problem === undefined ? [] : [invalid(path, text, problem)];
}

function validateSecret(reference: WebhookReceiverSecret | undefined, path: string): FieldError[] {
	return [
		...validateName(reference?.name, `${path}.name`),
		...validateWith(configMapKey, reference?.key, `${path}.key`),
		...validateWith(configMapKey, reference?.previousKey, `${path}.previousKey`),
	];
}

function validateHmac({ header, algorithm, encoding, content, idHeader, timestampHeader }: WebhookReceiverHMAC, path: string): FieldError[] {
	const errors = header ? httpHeaderName(header).map((problem) => invalid(`${path}.header`, header, problem)) : [required(`${path}.header`)];
	errors.push(...validateWith(httpHeaderName, idHeader, `${path}.idHeader`), ...validateWith(httpHeaderName, timestampHeader, `${path}.timestampHeader`));
	if (algorithm && !ALGORITHMS.includes(algorithm)) errors.push(notSupported(`${path}.algorithm`, algorithm, ALGORITHMS));
	if (encoding && !ENCODINGS.includes(encoding)) errors.push(notSupported(`${path}.encoding`, encoding, ENCODINGS));
	if (!content) return errors;
	if (!content.includes("{body}")) errors.push(invalid(`${path}.content`, content, "must contain {body}"));
	if (content.includes("{id}") && !idHeader) errors.push(required(`${path}.idHeader`, "the content contains {id}"));
	if (content.includes("{timestamp}") && !timestampHeader) errors.push(required(`${path}.timestampHeader`, "the content contains {timestamp}"));
	return errors;
}

function validateWorkload(workload: WebhookWorkload | undefined, kinds: readonly string[], path: string): FieldError[] {
	if (workload === undefined) return [required(path)];
	const { kind, name, namespace } = workload;
	const errors = kind ? (kinds.includes(kind) ? [] : [notSupported(`${path}.kind`, kind, kinds)]) : [required(`${path}.kind`)];
	return [...errors, ...validateName(name, `${path}.name`), ...validateWith(dns1123Label, namespace, `${path}.namespace`)];
}

function validateSetImage({ workload, repository, image }: WebhookSetImageAction, path: string): FieldError[] {
	const errors = validateWorkload(workload, ROLLED, `${path}.workload`);
	if (!repository && !image) errors.push(required(`${path}.repository`, "either repository or image is required"));
	return [...errors, ...validateTemplate(image, `${path}.image`)];
}

function validateApply({ manifests, url, namespace }: WebhookApplyAction, path: string): FieldError[] {
	const errors = Boolean(manifests) === Boolean(url) ? [required(path, "exactly one of manifests or url is required")] : [];
	errors.push(...validateTemplate(manifests, `${path}.manifests`), ...validateTemplate(url, `${path}.url`));
	return [...errors, ...validateWith(dns1123Label, namespace, `${path}.namespace`)];
}

function validateCreateJob({ cronJob, namespace, env = [], args = [] }: WebhookCreateJobAction, path: string): FieldError[] {
	const errors = [...validateName(cronJob, `${path}.cronJob`), ...validateWith(dns1123Label, namespace, `${path}.namespace`)];
	if (env.length > LIST_MAX) errors.push(tooMany(`${path}.env`, env.length, LIST_MAX));
	if (args.length > LIST_MAX) errors.push(tooMany(`${path}.args`, args.length, LIST_MAX));
	for (const [index, { name, value }] of env.entries()) {
		const at = `${path}.env[${index}]`;
		errors.push(...(name ? envVarName(name).map((problem) => invalid(`${at}.name`, name, problem)) : [required(`${at}.name`)]));
		errors.push(...validateTemplate(value, `${at}.value`));
	}
	return [...errors, ...args.flatMap((text, index) => validateTemplate(text, `${path}.args[${index}]`))];
}

function validatePreview(spec: WebhookPreviewNamespaceAction, path: string): FieldError[] {
	const { template, name, resources = [], secrets = [], images = [], labels = {}, ttlSeconds } = spec;
	const errors = template ? dns1123Label(template).map((problem) => invalid(`${path}.template`, template, problem)) : [required(`${path}.template`)];
	errors.push(...(name ? validateTemplate(name, `${path}.name`) : [required(`${path}.name`)]));
	if (name && !name.includes("${")) errors.push(invalid(`${path}.name`, name, "must contain an expression: one namespace cannot be every pull request's"));
	for (const [member, list] of Object.entries({ resources, secrets, images }))
		if (list.length > LIST_MAX) errors.push(tooMany(`${path}.${member}`, list.length, LIST_MAX));
	for (const [index, resource] of resources.entries()) {
		errors.push(...validateName(resource, `${path}.resources[${index}]`));
		if (resource === "secrets") errors.push(forbidden(`${path}.resources[${index}]`, "Secrets are copied by their names: see secrets"));
	}
	errors.push(...secrets.flatMap((secret, index) => validateName(secret, `${path}.secrets[${index}]`)));
	for (const [index, { container, image, workload }] of images.entries()) {
		const at = `${path}.images[${index}]`;
		errors.push(...validateName(container, `${at}.container`), ...validateWith(dns1123Subdomain, workload, `${at}.workload`));
		errors.push(...(image ? validateTemplate(image, `${at}.image`) : [required(`${at}.image`)]));
	}
	for (const [key, value] of Object.entries(labels)) {
		errors.push(...qualifiedName(key).map((problem) => invalid(`${path}.labels`, key, problem)));
		errors.push(
			...(value.includes("${")
				? validateTemplate(value, `${path}.labels[${key}]`)
				: labelValue(value).map((problem) => invalid(`${path}.labels[${key}]`, value, problem))),
		);
	}
	if (ttlSeconds !== undefined && ttlSeconds < TTL_SECONDS_MIN)
		errors.push(invalid(`${path}.ttlSeconds`, ttlSeconds, `must be greater than or equal to ${TTL_SECONDS_MIN}`));
	return errors;
}

function validateAction(action: WebhookReceiverAction, path: string): FieldError[] {
	const { name, condition, setImage, apply, restart, createJob, previewNamespace } = action;
	const errors = name ? dns1123Label(name).map((problem) => invalid(`${path}.name`, name, problem)) : [required(`${path}.name`)];
	if (condition && condition.length > EXPRESSION_CHARACTERS_MAX) errors.push(tooLong(`${path}.condition`, EXPRESSION_CHARACTERS_MAX));
	else if (condition) {
		const problem = compileProblem(() => compileCondition(condition));
		if (problem !== undefined) errors.push(invalid(`${path}.condition`, condition, problem));
	}
	if (ACTION_TYPES.filter((type) => action[type] !== undefined).length !== 1)
		errors.push(required(path, "exactly one of setImage, apply, restart, createJob or previewNamespace is required"));
	if (setImage) errors.push(...validateSetImage(setImage, `${path}.setImage`));
	if (apply) errors.push(...validateApply(apply, `${path}.apply`));
	if (restart) errors.push(...validateWorkload(restart.workload, RESTARTED, `${path}.restart.workload`));
	if (createJob) errors.push(...validateCreateJob(createJob, `${path}.createJob`));
	if (previewNamespace) errors.push(...validatePreview(previewNamespace, `${path}.previewNamespace`));
	return errors;
}

export function validateReceiver(spec: WebhookReceiverSpec | undefined): FieldError[] {
	if (spec === undefined) return [required("spec")];
	const { type, secretRef, hmac, serviceAccountName, requestsPerMinute } = spec;
	const actions = spec.actions ?? [];
	const types = Object.keys(SENDERS);
	const errors = type ? (types.includes(type) ? [] : [notSupported("spec.type", type, types)]) : [required("spec.type")];
	errors.push(...validateSecret(secretRef, "spec.secretRef"));
	if (type === "HMAC" && !hmac) errors.push(required("spec.hmac", "type HMAC needs it"));
	if (type !== "HMAC" && hmac) errors.push(forbidden("spec.hmac", "only type HMAC has it"));
	if (type === "HMAC" && hmac) errors.push(...validateHmac(hmac, "spec.hmac"));
	errors.push(...validateName(serviceAccountName, "spec.serviceAccountName"));
	if (actions.length === 0) errors.push(required("spec.actions"));
	if (actions.length > ACTIONS_MAX) errors.push(tooMany("spec.actions", actions.length, ACTIONS_MAX));
	for (const [index, action] of actions.entries()) {
		errors.push(...validateAction(action, `spec.actions[${index}]`));
		if (actions.findIndex(({ name }) => name === action.name) < index) errors.push(duplicate(`spec.actions[${index}].name`, action.name));
	}
	if (requestsPerMinute !== undefined && (requestsPerMinute < 1 || requestsPerMinute > REQUESTS_PER_MINUTE_MAX))
		errors.push(invalid("spec.requestsPerMinute", requestsPerMinute, rangeError(1, REQUESTS_PER_MINUTE_MAX)));
	return errors;
}

/** What is allowed, and yet may not be what is meant. */
export function receiverWarnings({ type, hmac }: WebhookReceiverSpec): string[] {
	if (type !== "HMAC" || hmac === undefined) return [];
	const { content = "{body}", timestampHeader, idHeader } = hmac;
	const unsigned = (header: string | undefined, part: string, field: string): string[] =>
		header && !content.includes(part) ? [`spec.hmac.${field}: ${header} is not part of what is signed, so that whoever has seen a request can change it`] : [];
	return [
		...unsigned(timestampHeader, "{timestamp}", "timestampHeader"),
		...unsigned(idHeader, "{id}", "idHeader"),
		...(content.includes("{timestamp}") || content.includes("{id}")
			? []
			: ["spec.hmac.content: without {id} or {timestamp} a delivery whose body has come before counts as its repetition, and is not carried out"]),
	];
}
