/** Which webhooks a write is put to, and as which version of its resource (generic.Webhook.ShouldCallHook). */
import { refuse, type AdmissionRequest, type AdmissionView, requestKind } from "../plugin.ts";
import { type KindDefinition, resourceOf } from "../../kinds/define-kind.ts";
import { scaleOf } from "../../kinds/scale.ts";
import type { KubeObject } from "../../meta/object.ts";
import type { Seen } from "./admission-review.ts";
import { evaluateMatchConditions } from "./match-conditions.ts";
import { type RuleAttributes, ruleMatches, type Webhook, type WebhookSet } from "./webhook-set.ts";

/** A webhook that is to be called, and what it is to see. */
export interface Invocation {
	webhook: Webhook;
	/** The version of the resource that its rules name. */
	kind: KindDefinition;
	seen: Seen;
}

/** Webhooks and policies never concern their own configurations. */
const EXEMPT: ReadonlySet<string> = new Set([
	"mutatingwebhookconfigurations",
	"validatingwebhookconfigurations",
	"validatingadmissionpolicies",
	"validatingadmissionpolicybindings",
	"mutatingadmissionpolicies",
	"mutatingadmissionpolicybindings",
]);
export const isExempt = ({ kind }: AdmissionRequest): boolean => kind.group === "admissionregistration.k8s.io" && EXEMPT.has(kind.plural);

const SCALE = { group: "autoscaling", version: "v1", kind: "Scale" };

/** The versions of the request's resource, its own first. */
export function versionsOf({ kind }: AdmissionRequest, view: AdmissionView): KindDefinition[] {
	const others = view.kinds.all().filter((other) => other.plural === kind.plural && other.group === kind.group && other.version !== kind.version);
	return [kind, ...others];
}

export function attributesOf(request: AdmissionRequest, { group, version, plural }: KindDefinition): RuleAttributes {
	const { subresource, operation, namespace } = request;
	return { group, version, resource: plural, subresource, operation, isNamespaced: namespace !== "" };
}

/** The labels that a namespaceSelector is held against; undefined where every selector matches. */
function namespaceLabels(request: AdmissionRequest, view: AdmissionView): Record<string, string> | undefined {
	if (resourceOf(request.kind) === "namespaces") return (request.object ?? request.old)?.metadata.labels ?? {};
	return request.namespace === "" ? undefined : (view.namespaceObject()?.metadata.labels ?? {});
}

/** Whether the labels of the request's namespace and objects are what is selected. */
export function selects(selectors: Pick<Webhook, "namespaceSelector" | "objectSelector">, request: AdmissionRequest, view: AdmissionView): boolean {
	if (selectors.namespaceSelector.requirements.length > 0) {
		const labels = namespaceLabels(request, view);
		if (labels !== undefined && !selectors.namespaceSelector.matches(labels)) return false;
	}
	if (selectors.objectSelector.requirements.length === 0) return true;
	const labelled = [request.operation === "DELETE" ? undefined : request.object, request.old];
	return labelled.some((object) => object?.metadata !== undefined && selectors.objectSelector.matches(object.metadata.labels));
}

/** The first version of the resource that the webhook's rules name; with matchPolicy Exact only the request's own. */
function versionFor({ hook }: Webhook, request: AdmissionRequest, versions: readonly KindDefinition[]): KindDefinition | undefined {
	const isNamed = (kind: KindDefinition): boolean => hook.rules?.some((rule) => ruleMatches(rule, attributesOf(request, kind))) ?? false;
	if (isNamed(request.kind)) return request.kind;
	if (hook.matchPolicy !== "Equivalent") return undefined;
	for (const rule of hook.rules ?? []) {
		const named = versions.find((kind) => ruleMatches(rule, attributesOf(request, kind)));
		if (named !== undefined) return named;
	}
	return undefined;
}

/** What the webhook sees of the request. */
export function seenAs(request: AdmissionRequest, kind: KindDefinition, view: AdmissionView): Seen {
	const { operation, subresource, subject, old } = request;
	const object = operation === "DELETE" ? undefined : request.object;
	const resource = { group: kind.group, version: kind.version, resource: kind.plural };
	if (subject !== undefined) return { kind: requestKind(request), resource, object, oldObject: undefined };
	if (subresource === "scale" && kind.subresources?.scale) {
		const scale = (of: KubeObject | undefined) => of && (scaleOf(kind, of) as KubeObject);
		return { kind: SCALE, resource, object: scale(object), oldObject: scale(old) };
	}
	const shown = (of: KubeObject | undefined) => (of === undefined || kind === request.kind ? of : view.convert(of, kind));
	return { kind: { group: kind.group, version: kind.version, kind: kind.kind }, resource, object: shown(object), oldObject: shown(old) };
}

export const candidatesOf = (set: WebhookSet, request: AdmissionRequest, view: AdmissionView): { versions: KindDefinition[]; webhooks: readonly Webhook[] } => {
	if (set.isEmpty || request.webhooksAsked || isExempt(request)) return { versions: [], webhooks: [] };
	const versions = versionsOf(request, view);
	return { versions, webhooks: set.candidates(versions.map((kind) => attributesOf(request, kind))) };
};

/** Undefined when the webhook is not to be called. Throws 403 for conditions that cannot be evaluated. */
export function invocationOf(webhook: Webhook, request: AdmissionRequest, versions: readonly KindDefinition[], view: AdmissionView): Invocation | undefined {
	if (!selects(webhook, request, view)) return undefined;
	const kind = versionFor(webhook, request, versions);
	if (kind === undefined) return undefined;
	const seen = seenAs(request, kind, view);
	const { matchConditions, failurePolicy } = webhook.hook;
	if (!matchConditions?.length) return { webhook, kind, seen };
	const { matches, problem } = evaluateMatchConditions(matchConditions, request, seen, view);
	if (problem !== undefined && failurePolicy !== "Ignore") throw refuse(request, problem);
	return matches ? { webhook, kind, seen } : undefined;
}

export const questionOf = ({ webhook: { hook, target } }: Invocation, body: (uid: string) => string) => ({
	target,
	timeoutSeconds: hook.timeoutSeconds ?? 10,
	body,
});
