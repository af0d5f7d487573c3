/** Rules of webhook subscriptions, the namespaced and the cluster's: docs/webhooks.md has them in words. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required, tooLong, tooMany } from "../errors/field-error.ts";
import { StatusError } from "../errors/status-error.ts";
import { dns1035Label, dns1123Subdomain, httpHeaderName, portNumber, rangeError } from "../meta/name-rules.ts";
import type {
	WebhookDelivery,
	WebhookHeader,
	WebhookPayload,
	WebhookSecretKey,
	WebhookSubscriptionRule,
	WebhookSubscriptionSpec,
	WebhookTarget,
	WebhookTargetService,
} from "../schema/kubernetes.d.ts";
import { fieldRequirements } from "../selector/field-selector.ts";
import { compileSubscriptionCondition } from "../webhooks/subscription-condition.ts";
import type { ConnectSubresource } from "./define-kind.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { validateSegment } from "./object-reference-validation.ts";

export const EVENTS_GROUP = "events.petrel.dev";
export const TIMEOUT_SECONDS = 15;
export const TIMEOUT_SECONDS_MAX = 30;
export const CONCURRENCY = 8;
export const CONCURRENCY_MAX = 64;
export const RATE_PER_SECOND_MAX = 10_000;
/** How long Standard Webhooks advises to try at least. */
export const RETRY_SECONDS = 3 * 24 * 3600;
export const RETRY_SECONDS_MAX = 7 * 24 * 3600;
/** Keys that are live at the same time: the old one and the new. */
export const SIGNING_SECRETS_MAX = 2;
const RULES_MAX = 32;
const HEADERS_MAX = 16;
const HEADER_BYTES_MAX = 4096;
const URL_CHARACTERS_MAX = 2048;
/** That of a validation rule of a custom resource. */
const CONDITION_CHARACTERS_MAX = 10_000;
const CHANGES = ["*", "Created", "Deleted", "Updated"];
const FORMATS = ["Binary", "Structured"];
const DATA = ["JSONPatch", "Metadata", "Object", "ObjectAndOldObject"];
const SCHEMES = ["HTTP", "HTTPS"];
/** Headers that are the delivery's own, or the connection's. */
const RESERVED_HEADERS = /^(webhook-.*|ce-.*|content-.*|host|connection|keep-alive|transfer-encoding|upgrade|te|trailer|proxy-.*|expect)$/i;

export function defaultSubscription(spec: WebhookSubscriptionSpec | undefined): void {
	if (spec === undefined) return;
	for (const rule of spec.rules ?? []) {
		if (!rule.apiVersions?.length) rule.apiVersions = ["*"];
		if (!rule.changes?.length) rule.changes = ["*"];
	}
	const { target } = spec;
	if (target !== undefined) target.timeoutSeconds ??= TIMEOUT_SECONDS;
	if (target?.service) {
		target.service.scheme ||= "HTTP";
		target.service.port ??= target.service.scheme === "HTTPS" ? 443 : 80;
	}
	spec.payload = { ...spec.payload, format: spec.payload?.format || "Structured", data: spec.payload?.data || "Object" };
	spec.delivery = { ...spec.delivery, concurrency: spec.delivery?.concurrency ?? CONCURRENCY, retrySeconds: spec.delivery?.retrySeconds ?? RETRY_SECONDS };
}

const served = (kind: string) => ({ group: EVENTS_GROUP, version: "v1", kind });
/** What both kinds serve beside themselves. */
export const subscriptionSubresources: Record<string, ConnectSubresource> = {
	replay: { verbs: ["create"], kind: served("WebhookReplay") },
	test: { verbs: ["create"], kind: served("WebhookTest") },
	deadletters: { verbs: ["get"], kind: served("WebhookDeadLetterList") },
};

/** A list in which "*" stands alone. */
function validateNames(list: readonly string[] | undefined, path: string, what: string): FieldError[] {
	const all = list ?? [];
	const errors = all.flatMap((value, index) => [
		...(value === "*" ? [] : validateSegment(value, `${path}[${index}]`)),
		...(all.indexOf(value) < index ? [duplicate(`${path}[${index}]`, value)] : []),
	]);
	return all.length > 1 && all.includes("*") ? [...errors, invalid(path, all, `if '*' is present, must not specify other ${what}`)] : errors;
}

function validateRule(rule: WebhookSubscriptionRule, path: string): FieldError[] {
	const groups = rule.apiGroups ?? [];
	const errors = groups.length === 0 ? [required(`${path}.apiGroups`)] : [];
	for (const [index, group] of groups.entries())
		if (group !== "" && group !== "*") errors.push(...dns1123Subdomain(group).map((problem) => invalid(`${path}.apiGroups[${index}]`, group, problem)));
	if (groups.length > 1 && groups.includes("*")) errors.push(invalid(`${path}.apiGroups`, groups, "if '*' is present, must not specify other API groups"));
	errors.push(...validateNames(rule.apiVersions, `${path}.apiVersions`, "API versions"));
	if (Boolean(rule.resources?.length) === Boolean(rule.kinds?.length)) errors.push(required(path, "exactly one of resources or kinds is required"));
	errors.push(...validateNames(rule.resources, `${path}.resources`, "resources"), ...validateNames(rule.kinds, `${path}.kinds`, "kinds"));
	for (const [index, resource] of (rule.resources ?? []).entries())
		if (resource.includes("/")) errors.push(invalid(`${path}.resources[${index}]`, resource, "subresources have no changes of their own"));
	for (const [index, change] of (rule.changes ?? []).entries())
		if (!CHANGES.includes(change)) errors.push(notSupported(`${path}.changes[${index}]`, change, CHANGES));
	return errors;
}

/** A namespaced subscription stays within its namespace; the cluster's names the namespace. */
function validateOwnNamespace(given: string | undefined, own: string | undefined, path: string, what: string): FieldError[] {
	if (own === undefined) return given ? dns1123Subdomain(given).map((problem) => invalid(path, given, problem)) : [required(path)];
	return !given || given === own ? [] : [invalid(path, given, `a WebhookSubscription ${what} of its own namespace only`)];
}

export function validateSecretKey(reference: WebhookSecretKey, own: string | undefined, path: string): FieldError[] {
	return [
		...validateOwnNamespace(reference.namespace, own, `${path}.namespace`, "reads Secrets"),
		...(reference.name ? dns1123Subdomain(reference.name).map((problem) => invalid(`${path}.name`, reference.name, problem)) : [required(`${path}.name`)]),
		...(reference.key ? [] : [required(`${path}.key`)]),
	];
}

function validateUrl(url: string, path: string): FieldError[] {
	if (url.length > URL_CHARACTERS_MAX) return [tooLong(path, URL_CHARACTERS_MAX)];
	const parsed = URL.parse(url);
	if (parsed === null || !/^https?:\/\//i.test(url)) return [invalid(path, url, "must be an absolute URL; desired format: https://host[/path]")];
	const errors: FieldError[] = [];
	if (parsed.username !== "" || parsed.password !== "")
		errors.push(invalid(path, url, "user information is not permitted in the URL; use a header from a Secret"));
	if (parsed.hash !== "") errors.push(invalid(path, url, "fragments are not permitted in the URL"));
	return errors;
}

function validateService(service: WebhookTargetService, own: string | undefined, path: string): FieldError[] {
	const { name, port, path: at = "", scheme } = service;
	const errors = validateOwnNamespace(service.namespace, own, `${path}.namespace`, "reaches Services");
	if (!name) errors.push(required(`${path}.name`, "service name is required"));
	else errors.push(...dns1035Label(name).map((problem) => invalid(`${path}.name`, name, problem)));
	if (port !== undefined) errors.push(...portNumber(port).map((problem) => invalid(`${path}.port`, port, problem)));
	if (at !== "" && !/^\/[^\s#]*$/.test(at)) errors.push(invalid(`${path}.path`, at, "must start with a '/', without spaces or a fragment"));
	if (scheme !== undefined && !SCHEMES.includes(scheme)) errors.push(notSupported(`${path}.scheme`, scheme, SCHEMES));
	return errors;
}

function validateHeaders(headers: readonly WebhookHeader[] | undefined, own: string | undefined, path: string): FieldError[] {
	const all = headers ?? [];
	const errors = all.length > HEADERS_MAX ? [tooMany(path, all.length, HEADERS_MAX)] : [];
	const names = new Set<string>();
	for (const [index, { name, value, secretKeyRef }] of all.entries()) {
		const at = `${path}[${index}]`;
		if (!name) errors.push(required(`${at}.name`));
		else errors.push(...httpHeaderName(name).map((problem) => invalid(`${at}.name`, name, problem)));
		if (name && RESERVED_HEADERS.test(name)) errors.push(forbidden(`${at}.name`, "the delivery sets this header itself"));
		if (name && names.has(name.toLowerCase())) errors.push(duplicate(`${at}.name`, name));
		names.add((name ?? "").toLowerCase());
		if (Boolean(value) === Boolean(secretKeyRef)) errors.push(required(at, "exactly one of value or secretKeyRef is required"));
		if (value && !/^[\x20-\x7e]*$/.test(value)) errors.push(invalid(`${at}.value`, value, "must be printable ASCII"));
		if (value && value.length > HEADER_BYTES_MAX) errors.push(tooLong(`${at}.value`, HEADER_BYTES_MAX));
		if (secretKeyRef) errors.push(...validateSecretKey(secretKeyRef, own, `${at}.secretKeyRef`));
	}
	return errors;
}

function validateRange(value: number | undefined, low: number, high: number, path: string): FieldError[] {
	return value === undefined || (value >= low && value <= high) ? [] : [invalid(path, value, rangeError(low, high))];
}

function validateTarget(target: WebhookTarget | undefined, own: string | undefined, path: string): FieldError[] {
	if (Boolean(target?.url) === Boolean(target?.service)) return [required(path, "exactly one of url or service is required")];
	const { url, service, caBundle, headers, timeoutSeconds } = target as WebhookTarget;
	const errors = service ? validateService(service, own, `${path}.service`) : validateUrl(url ?? "", `${path}.url`);
	if (caBundle && /^http:/i.test(url ?? "")) errors.push(invalid(`${path}.caBundle`, caBundle, "a URL without TLS presents no certificate"));
	if (caBundle && service?.scheme === "HTTP") errors.push(invalid(`${path}.caBundle`, caBundle, "a Service of scheme HTTP presents no certificate"));
	return [...errors, ...validateHeaders(headers, own, `${path}.headers`), ...validateRange(timeoutSeconds, 1, TIMEOUT_SECONDS_MAX, `${path}.timeoutSeconds`)];
}

function validateFieldSelector(selector: string | undefined, path: string): FieldError[] {
	try {
		fieldRequirements(selector ?? "");
		return [];
	} catch (error) {
		if (error instanceof StatusError) return [invalid(path, selector, error.message)];
		throw error;
	}
}

function validateCondition(condition: string | undefined, path: string): FieldError[] {
	if (!condition) return [];
	if (condition.length > CONDITION_CHARACTERS_MAX) return [tooLong(path, CONDITION_CHARACTERS_MAX)];
	const compiled = compileSubscriptionCondition(condition);
	return "problem" in compiled ? [invalid(path, condition, compiled.problem)] : [];
}

const validatePayload = ({ format, data }: WebhookPayload, path: string): FieldError[] => [
	...(format && !FORMATS.includes(format) ? [notSupported(`${path}.format`, format, FORMATS)] : []),
	...(data && !DATA.includes(data) ? [notSupported(`${path}.data`, data, DATA)] : []),
];

const validateDelivery = ({ concurrency, ratePerSecond, retrySeconds }: WebhookDelivery, path: string): FieldError[] => [
	...validateRange(concurrency, 1, CONCURRENCY_MAX, `${path}.concurrency`),
	...validateRange(ratePerSecond, 1, RATE_PER_SECOND_MAX, `${path}.ratePerSecond`),
	...validateRange(retrySeconds, 0, RETRY_SECONDS_MAX, `${path}.retrySeconds`),
];

/** `own`: the namespace of a namespaced subscription, undefined for the cluster's. */
export function validateSubscription(spec: WebhookSubscriptionSpec | undefined, own: string | undefined): FieldError[] {
	if (spec === undefined) return [required("spec")];
	const rules = spec.rules ?? [];
	const signingSecrets = spec.signingSecrets ?? [];
	const errors = rules.length === 0 ? [required("spec.rules")] : rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`));
	if (rules.length > RULES_MAX) errors.push(tooMany("spec.rules", rules.length, RULES_MAX));
	if (own !== undefined && spec.namespaceSelector) errors.push(forbidden("spec.namespaceSelector", "only a ClusterWebhookSubscription selects namespaces"));
	errors.push(...validateLabelSelector(spec.namespaceSelector, "spec.namespaceSelector"), ...validateLabelSelector(spec.objectSelector, "spec.objectSelector"));
	errors.push(...validateFieldSelector(spec.fieldSelector, "spec.fieldSelector"), ...validateCondition(spec.condition, "spec.condition"));
	errors.push(...validateTarget(spec.target, own, "spec.target"), ...validatePayload(spec.payload ?? {}, "spec.payload"));
	if (signingSecrets.length > SIGNING_SECRETS_MAX) errors.push(tooMany("spec.signingSecrets", signingSecrets.length, SIGNING_SECRETS_MAX));
	errors.push(...signingSecrets.flatMap((secret, index) => validateSecretKey(secret, own, `spec.signingSecrets[${index}]`)));
	return [...errors, ...validateDelivery(spec.delivery ?? {}, "spec.delivery")];
}
