/** ClusterWebhookSubscription: the changes of all namespaces' objects and of cluster-scoped ones, told to an HTTP target. */
import type { ClusterWebhookSubscription } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";
import { subscriptionColumns } from "./webhook-subscription-columns.ts";
import { defaultSubscription, EVENTS_GROUP, subscriptionSubresources, validateSubscription } from "./webhook-subscription-validation.ts";

export const clusterWebhookSubscriptionKind = defineKind<ClusterWebhookSubscription>({
	group: EVENTS_GROUP,
	version: "v1",
	kind: "ClusterWebhookSubscription",
	plural: "clusterwebhooksubscriptions",
	singular: "clusterwebhooksubscription",
	shortNames: ["cwhsub"],
	scope: "Cluster",
	schema: "webhooks/v1.ClusterWebhookSubscription",
	subresources: { status: statusSubresource, connect: subscriptionSubresources },
	defaults: ({ spec }) => defaultSubscription(spec),
	prepareCreate: startGeneration,
	prepareUpdate: prepareSpecUpdate,
	validate: ({ spec }) => validateSubscription(spec, undefined),
	columns: subscriptionColumns,
});
