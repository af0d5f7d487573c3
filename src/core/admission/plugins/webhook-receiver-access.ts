/**
 * WebhookReceiverAccess: who says what a receiver does acts as its ServiceAccount whenever a webhook comes, so he must be
 * allowed to: the verb `impersonate` on the account, as for acting as it at once.
 */
import { forbiddenText, type ResourceAttributes } from "../../authz/attributes.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { WebhookReceiver } from "../../schema/kubernetes.d.ts";
import { RECEIVERS } from "../../webhooks/receivers/receiver.ts";
import { type AdmissionPlugin, refuse } from "../plugin.ts";

export const webhookReceiverAccess: AdmissionPlugin = {
	name: "WebhookReceiverAccess",
	resources: [RECEIVERS],
	operations: ["CREATE", "UPDATE"],
	validate(request, view) {
		const { spec } = request.object as WebhookReceiver;
		if (request.old !== undefined && semanticEqual(spec, (request.old as WebhookReceiver).spec)) return;
		const attributes: ResourceAttributes = {
			verb: "impersonate",
			group: "",
			resource: "serviceaccounts",
			subresource: "",
			namespace: request.namespace,
			name: spec.serviceAccountName,
		};
		if (!view.decide(request.user, attributes).allowed) throw refuse(request, forbiddenText(request.user, attributes));
	},
};
