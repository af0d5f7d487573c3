/** WebhookSubscription: the changes of a namespace's objects, told to an HTTP target. */
import type { WebhookSubscription } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";
import { subscriptionColumns } from "./webhook-subscription-columns.ts";
import { defaultSubscription, EVENTS_GROUP, subscriptionSubresources, validateSubscription } from "./webhook-subscription-validation.ts";

export const webhookSubscriptionKind = defineKind<WebhookSubscription>({
	group: EVENTS_GROUP,
	version: "v1",
	kind: "WebhookSubscription",
	plural: "webhooksubscriptions",
	singular: "webhooksubscription",
	shortNames: ["whsub"],
	scope: "Namespaced",
	schema: "webhooks/v1.WebhookSubscription",
	subresources: { status: statusSubresource, connect: subscriptionSubresources },
	defaults: ({ spec }) => defaultSubscription(spec),
	prepareCreate: startGeneration,
	prepareUpdate: prepareSpecUpdate,
	validate: ({ spec, metadata }) => validateSubscription(spec, metadata.namespace ?? ""),
	columns: subscriptionColumns,
});
