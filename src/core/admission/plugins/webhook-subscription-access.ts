/**
 * WebhookSubscriptionAccess: who subscribes to changes may watch those objects, and read the Secrets that deliveries are made
 * with: what a subscription sends goes wherever its writer wants.
 */
import { forbiddenText, type ResourceAttributes } from "../../authz/attributes.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { WebhookSubscription, WebhookSubscriptionRule, WebhookSubscriptionSpec } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";

/** The plural names of what a rule names; those of a kind that is not there yet are asked for by "*". */
function resourcesOf(rule: WebhookSubscriptionRule, group: string, view: AdmissionView): string[] {
	const named = (rule.kinds ?? []).map((kind) => view.kinds.all().find((each) => (group === "*" || each.group === group) && each.kind === kind)?.plural ?? "*");
	return [...(rule.resources ?? []), ...named];
}

function watched(spec: WebhookSubscriptionSpec, namespace: string, view: AdmissionView): ResourceAttributes[] {
	const attributes = (group: string, resource: string) => ({ verb: "watch", group, resource, subresource: "", namespace, name: "" });
	return spec.rules.flatMap((rule) => rule.apiGroups.flatMap((group) => resourcesOf(rule, group, view).map((resource) => attributes(group, resource))));
}

function secretsRead({ signingSecrets = [], target }: WebhookSubscriptionSpec, own: string): ResourceAttributes[] {
	const references = [...signingSecrets, ...(target.headers ?? []).flatMap(({ secretKeyRef }) => (secretKeyRef ? [secretKeyRef] : []))];
	return references.map(({ namespace, name }) => ({ verb: "get", group: "", resource: "secrets", subresource: "", namespace: namespace || own, name }));
}

function validate(request: AdmissionRequest, view: AdmissionView): void {
	const { spec } = request.object as WebhookSubscription;
	if (request.old !== undefined && semanticEqual(spec, (request.old as WebhookSubscription).spec)) return;
	for (const attributes of [...watched(spec, request.namespace, view), ...secretsRead(spec, request.namespace)])
		if (!view.decide(request.user, attributes).allowed) throw refuse(request, forbiddenText(request.user, attributes));
}

export const webhookSubscriptionAccess: AdmissionPlugin = {
	name: "WebhookSubscriptionAccess",
	resources: ["events.petrel.dev/webhooksubscriptions", "events.petrel.dev/clusterwebhooksubscriptions"],
	operations: ["CREATE", "UPDATE"],
	validate,
};
