/** The subscriptions that a Namespace object delivers to: its own, and the cluster's by its replica of the configuration. */
import type { ClusterConfig, MessageBody } from "../../core/protocol/messages.ts";
import type { Namespace, WebhookSubscription } from "../../core/schema/kubernetes.d.ts";
import type { DeliveryCounts } from "../../core/webhooks/subscription-status.ts";
import type { CorePorts } from "../ports.ts";
import type { ResourceCore } from "../resource-core.ts";
import type { CommittedChange } from "../resource-server.ts";
import { concernsDelivery, essenceOf } from "./subscription-changes.ts";
import { writeStatus } from "./status-writer.ts";
import { CLUSTER_SUBSCRIPTIONS, SUBSCRIPTIONS } from "./webhook-deliveries.ts";
import type { DeliveryHost, WebhookCall, WebhookPorts } from "./webhook-ports.ts";

/** Counts of the namespace's own subscriptions are written into their status this often, in milliseconds. */
export const STATUS_INTERVAL_MS = 5_000;
/** Those of the cluster's go to its object, which all namespaces tell. */
export const CLUSTER_REPORT_INTERVAL_MS = 30_000;

export class NamespaceSubscriptions implements DeliveryHost {
	readonly cluster: string;
	readonly #ports: CorePorts & WebhookPorts;
	readonly #core: () => ResourceCore;
	readonly #config: () => ClusterConfig | undefined;
	/** Grows with each change of an own subscription that deliveries go by. */
	#own = 0;
	/** What the cluster's were when they were last looked at. */
	#seen: { config: ClusterConfig; essence: string } | undefined;

	constructor(ports: CorePorts & WebhookPorts, core: () => ResourceCore, config: () => ClusterConfig | undefined) {
		this.cluster = ports.cluster;
		this.#ports = ports;
		this.#core = core;
		this.#config = config;
	}

	observe(changes: readonly CommittedChange[]): void {
		for (const { resource, object, old } of changes)
			if (resource === SUBSCRIPTIONS && concernsDelivery(object as WebhookSubscription | undefined, old as WebhookSubscription | undefined)) this.#own++;
	}

	subscriptions(): ReturnType<DeliveryHost["subscriptions"]> {
		const config = this.#config();
		if (config === undefined) return undefined;
		if (this.#seen?.config !== config) this.#seen = { config, essence: essenceOf(this.#clusters(config)) };
		return {
			version: `${this.#own} ${this.#seen.essence}`,
			list: () => [...this.#core().server.store.list<WebhookSubscription>(SUBSCRIPTIONS), ...this.#clusters(config)],
		};
	}

	#clusters(config: ClusterConfig): readonly WebhookSubscription[] {
		return (config.objects[CLUSTER_SUBSCRIPTIONS] ?? []) as WebhookSubscription[];
	}

	namespaceLabels(): Record<string, string> {
		return (this.#config()?.namespace as Namespace | null | undefined)?.metadata.labels ?? {};
	}

	sendWebhook(call: WebhookCall) {
		return this.#ports.sendWebhook(call);
	}

	durable(): Promise<void> {
		return this.#ports.durable();
	}

	secretOf(namespace: string, name: string) {
		return this.#ports.secretOf(namespace, name);
	}

	reportIntervalMs({ metadata }: WebhookSubscription): number {
		return metadata.namespace ? STATUS_INTERVAL_MS : CLUSTER_REPORT_INTERVAL_MS;
	}

	report({ metadata }: WebhookSubscription, counts: DeliveryCounts): void {
		const { server, outbox } = this.#core();
		const { name = "", uid = "", namespace } = metadata;
		if (namespace) return writeStatus(server, SUBSCRIPTIONS, name, counts);
		outbox.post({ to: { object: "cluster" }, body: { type: "deliveryReport", namespace: server.namespace, uid, subscription: name, counts } });
	}

	/** What the Cluster object asks for. Call inside a transaction. */
	replay({ uid, after }: Extract<MessageBody, { type: "replayDeliveries" }>): void {
		const { deliveries, server } = this.#core();
		// Who asks for more than the log holds gets what it holds.
		deliveries.replay(uid, after === undefined ? undefined : Math.max(after, server.store.log.compactedRevision()));
	}
}
