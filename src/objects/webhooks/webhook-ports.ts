/** What deliveries to webhook subscriptions need of the world: a Durable Object gives the real things, the simulator its own. */
import type { Secret, WebhookSubscription, WebhookTarget } from "../../core/schema/kubernetes.d.ts";
import type { DeliveryAnswer } from "../../core/webhooks/delivery-queue.ts";
import type { DeliveryCounts } from "../../core/webhooks/subscription-status.ts";

/** One POST to a target. */
export interface WebhookCall {
	target: WebhookTarget;
	/** Of the Service, where the target is one. */
	namespace: string;
	headers: Record<string, string>;
	body: string;
}

export interface WebhookPorts {
	/** The cluster's id. */
	cluster: string;
	/** Sends it and resolves to what came of it. Never rejects. */
	sendWebhook(call: WebhookCall): Promise<DeliveryAnswer>;
	/** Resolves once everything that was written is on the disk. */
	durable(): Promise<void>;
	/** A Secret of another object's namespace; undefined when there is none. */
	secretOf(namespace: string, name: string): Promise<Secret | undefined>;
}

/** The Durable Object that deliveries are part of. */
export interface DeliveryHost extends WebhookPorts {
	/** The subscriptions that concern this object; undefined while that is not known yet. `version` changes with them. */
	subscriptions(): { version: unknown; list(): readonly WebhookSubscription[] } | undefined;
	/** Of the object's Namespace; undefined in the Cluster object. */
	namespaceLabels(): Record<string, string> | undefined;
	/** Tells of deliveries, inside a transaction: in the subscription's status, or to who writes that. */
	report(subscription: WebhookSubscription, counts: DeliveryCounts): void;
	/** How long news that are not urgent are gathered, in milliseconds. */
	reportIntervalMs(subscription: WebhookSubscription): number;
}
