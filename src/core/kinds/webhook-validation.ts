/** Rules of admission webhooks: pkg/apis/admissionregistration/validation and k8s.io/apiserver/pkg/util/webhook. */
import { duplicate, type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { dns1035Label, dns1123Subdomain, portNumber } from "../meta/name-rules.ts";
import type { MutatingWebhook, AdmissionregistrationV1ServiceReference, ValidatingWebhook, WebhookClientConfig } from "../schema/kubernetes.d.ts";
import {
	defaultMatching,
	defaultRules,
	REINVOCATION_POLICIES,
	validateFailurePolicy,
	validateMatchConditions,
	validateMatchPolicy,
	validateRule,
} from "./admission-rules.ts";
import { conditionExpressionErrors } from "./policy-expressions.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";

const TIMEOUT_SECONDS = 10;
const TIMEOUT_SECONDS_MAX = 30;
const SERVICE_PORT = 443;
const REVIEW_VERSIONS = ["v1", "v1beta1"];
const SIDE_EFFECTS = ["None", "NoneOnDryRun"];
const NAME_SEGMENTS_MIN = 3;
const URL_FORM = "; desired format: https://host[/path]";
/** RFC 3986, appendix B: scheme, authority, path, query, fragment. */
const URL_PARTS = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/;

/** SetDefaults_ValidatingWebhook and SetDefaults_MutatingWebhook. */
export function defaultWebhook(hook: ValidatingWebhook | MutatingWebhook): void {
	hook.failurePolicy ??= "Fail";
	defaultMatching(hook);
	hook.timeoutSeconds ??= TIMEOUT_SECONDS;
	defaultRules(hook.rules);
	if (hook.clientConfig?.service) hook.clientConfig.service.port ??= SERVICE_PORT;
}

/** ValidateWebhookURL: https, and nothing but a host and a path. */
export function validateWebhookUrl(url: string, path: string): FieldError[] {
	const [, scheme = "", authority = "", , query = "", fragment = ""] = URL_PARTS.exec(url) ?? [];
	const user = authority.includes("@") ? authority.slice(0, authority.lastIndexOf("@")) : "";
	const host = authority.slice(authority.lastIndexOf("@") + 1);
	const errors: FieldError[] = [];
	if (scheme !== "https") errors.push(invalid(path, scheme, `'https' is the only allowed URL scheme${URL_FORM}`));
	if (host === "") errors.push(invalid(path, host, `host must be specified${URL_FORM}`));
	if (user !== "") errors.push(invalid(path, user, "user information is not permitted in the URL"));
	if (fragment !== "") errors.push(invalid(path, fragment, "fragments are not permitted in the URL"));
	if (query !== "") errors.push(invalid(path, query, "query parameters are not permitted in the URL"));
	return errors;
}

function validateServicePath(path: string, at: string): FieldError[] {
	if (path === "/" || path === "") return [];
	if (path === "//") return [invalid(at, path, "segment[0] may not be empty")];
	const errors = path.startsWith("/") ? [] : [invalid(at, path, "must start with a '/'")];
	for (const [index, segment] of path.slice(1).replace(/\/$/, "").split("/").entries()) {
		if (segment === "") errors.push(invalid(at, path, `segment[${index}] may not be empty`));
		else for (const problem of dns1123Subdomain(segment)) errors.push(invalid(at, path, `segment[${index}]: ${problem}`));
	}
	return errors;
}

/** ValidateWebhookService. */
export function validateWebhookService(service: AdmissionregistrationV1ServiceReference, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const port = service.port ?? SERVICE_PORT;
	if (!service.name) errors.push(required(`${path}.name`, "service name is required"));
	if (!service.namespace) errors.push(required(`${path}.namespace`, "service namespace is required"));
	const problems = portNumber(port);
	if (problems.length > 0) errors.push(invalid(`${path}.port`, port, `port is not valid: ${problems.join(",")}`));
	return [...errors, ...validateServicePath(service.path ?? "", `${path}.path`)];
}

function validateClient({ url, service }: WebhookClientConfig, path: string): FieldError[] {
	if ((url === undefined) === (service === undefined)) return [required(path, "exactly one of url or service is required")];
	return url === undefined
		? validateWebhookService(service as AdmissionregistrationV1ServiceReference, `${path}.service`)
		: validateWebhookUrl(url, `${path}.url`);
}

function validateReviewVersions(versions: readonly string[] | undefined, path: string): FieldError[] {
	const all = versions ?? [];
	if (all.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(", ")}`)];
	const errors = all.flatMap((version, index) => {
		const at = `${path}[${index}]`;
		return all.indexOf(version) < index ? [invalid(at, version, "duplicate version")] : dns1035Label(version).map((problem) => invalid(at, version, problem));
	});
	if (all.some((version) => REVIEW_VERSIONS.includes(version))) return errors;
	return [...errors, invalid(path, all, `must include at least one of ${REVIEW_VERSIONS.join(", ")}`)];
}

/** IsFullyQualifiedName. */
function validateName(name: string | undefined, path: string): FieldError[] {
	if (!name) return [required(path)];
	const problems = dns1123Subdomain(name);
	if (problems.length > 0) return problems.map((problem) => invalid(path, name, problem));
	return name.split(".").length < NAME_SEGMENTS_MIN ? [invalid(path, name, "should be a domain with at least three segments separated by dots")] : [];
}

function validateBehaviour(hook: ValidatingWebhook | MutatingWebhook, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const { sideEffects, timeoutSeconds: seconds } = hook;
	if (sideEffects == null) errors.push(required(`${path}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(", ")}`));
	else if (!SIDE_EFFECTS.includes(sideEffects)) errors.push(notSupported(`${path}.sideEffects`, sideEffects, SIDE_EFFECTS));
	if (seconds !== undefined && (seconds > TIMEOUT_SECONDS_MAX || seconds < 1)) {
		errors.push(invalid(`${path}.timeoutSeconds`, seconds, `the timeout value must be between 1 and ${TIMEOUT_SECONDS_MAX} seconds`));
	}
	const reinvocation = "reinvocationPolicy" in hook ? hook.reinvocationPolicy : undefined;
	if (reinvocation !== undefined && !REINVOCATION_POLICIES.includes(reinvocation)) {
		errors.push(notSupported(`${path}.reinvocationPolicy`, reinvocation, REINVOCATION_POLICIES));
	}
	return errors;
}

const validateWebhook = (hook: ValidatingWebhook | MutatingWebhook, path: string): FieldError[] => [
	...validateName(hook.name, `${path}.name`),
	...(hook.rules ?? []).flatMap((rule, index) => validateRule(rule, `${path}.rules[${index}]`)),
	...validateFailurePolicy(hook.failurePolicy, `${path}.failurePolicy`),
	...validateMatchPolicy(hook.matchPolicy, `${path}.matchPolicy`),
	...validateBehaviour(hook, path),
	...validateLabelSelector(hook.namespaceSelector, `${path}.namespaceSelector`),
	...validateLabelSelector(hook.objectSelector, `${path}.objectSelector`),
	...validateClient(hook.clientConfig ?? {}, `${path}.clientConfig`),
	...validateMatchConditions(hook.matchConditions, `${path}.matchConditions`),
	...conditionExpressionErrors(hook.matchConditions, `${path}.matchConditions`),
	...validateReviewVersions(hook.admissionReviewVersions, `${path}.admissionReviewVersions`),
];

/** The webhooks of a configuration, each under its own name. */
export function validateWebhooks(hooks: readonly (ValidatingWebhook | MutatingWebhook)[] | undefined): FieldError[] {
	const names = new Set<string>();
	return (hooks ?? []).flatMap((hook, index) => {
		const path = `webhooks[${index}]`;
		const twice = hook.name && names.has(hook.name) ? [duplicate(`${path}.name`, hook.name)] : [];
		names.add(hook.name);
		return [...validateWebhook(hook, path), ...twice];
	});
}
