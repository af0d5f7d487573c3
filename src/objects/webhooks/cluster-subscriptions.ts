/** The cluster's subscriptions in its own object: it delivers the changes of cluster-scoped objects, and sums up what the namespaces tell of theirs. */
import type { MessageBody } from "../../core/protocol/messages.ts";
import type { ClusterWebhookSubscription, WebhookDeadLetter, WebhookSubscription } from "../../core/schema/kubernetes.d.ts";
import { type DeliveryCounts, sumOf } from "../../core/webhooks/subscription-status.ts";
import type { CorePorts } from "../ports.ts";
import type { ResourceCore } from "../resource-core.ts";
import type { CommittedChange } from "../resource-server.ts";
import { STATUS_INTERVAL_MS } from "./namespace-subscriptions.ts";
import { writeStatus } from "./status-writer.ts";
import { concernsDelivery } from "./subscription-changes.ts";
import type { Elsewhere } from "./subscription-requests.ts";
import { CLUSTER_SUBSCRIPTIONS } from "./webhook-deliveries.ts";
import type { DeliveryHost, WebhookCall, WebhookPorts } from "./webhook-ports.ts";

/** Namespaces whose dead letters one list asks for. */
const NAMESPACES_ASKED_MAX = 100;

export interface ClusterWebhookPorts extends WebhookPorts {
	/** What deliveries of a namespace are given up. */
	deadLettersOf(namespace: string, uid: string): Promise<WebhookDeadLetter[]>;
}

export class ClusterSubscriptions implements DeliveryHost, Elsewhere {
	readonly cluster: string;
	readonly #ports: CorePorts & ClusterWebhookPorts;
	readonly #core: () => ResourceCore;
	#version = 0;

	constructor(ports: CorePorts & ClusterWebhookPorts, core: () => ResourceCore) {
		this.cluster = ports.cluster;
		this.#ports = ports;
		this.#core = core;
	}

	/** Whether the change is one that deliveries go by, and the namespaces are to hear of. */
	observe({ resource, object, old }: CommittedChange): boolean {
		if (resource !== CLUSTER_SUBSCRIPTIONS) return false;
		const [next, before] = [object as WebhookSubscription | undefined, old as WebhookSubscription | undefined];
		if (next === undefined) this.#ports.sql.run("DELETE FROM subscription_reports WHERE uid = ?", before?.metadata.uid ?? "");
		if (!concernsDelivery(next, before)) return false;
		this.#version++;
		return true;
	}

	namespaceGone(name: string): void {
		this.#ports.sql.run("DELETE FROM subscription_reports WHERE namespace = ?", name);
	}

	subscriptions() {
		return { version: this.#version, list: () => this.#core().server.store.list<ClusterWebhookSubscription>(CLUSTER_SUBSCRIPTIONS) };
	}

	namespaceLabels(): undefined {
		return undefined;
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

	reportIntervalMs(): number {
		return STATUS_INTERVAL_MS;
	}

	report({ metadata }: WebhookSubscription, counts: DeliveryCounts): void {
		const { name = "", uid = "" } = metadata;
		writeStatus(this.#core().server, CLUSTER_SUBSCRIPTIONS, name, sumOf([counts, ...this.#reports(uid).map(({ body }) => JSON.parse(body) as DeliveryCounts)]));
	}

	#reports(uid: string): { namespace: string; body: string }[] {
		return this.#ports.sql.all("SELECT namespace, body FROM subscription_reports WHERE uid = ? ORDER BY namespace", uid);
	}

	/** A namespace tells. Call inside a transaction. */
	take({ namespace, uid, subscription, counts }: Extract<MessageBody, { type: "deliveryReport" }>): void {
		if (this.#core().server.store.get(CLUSTER_SUBSCRIPTIONS, subscription)?.metadata.uid !== uid) return;
		this.#ports.sql.run("INSERT OR REPLACE INTO subscription_reports (uid, namespace, body) VALUES (?, ?, ?)", uid, namespace, JSON.stringify(counts));
		this.#core().deliveries.reportSoon(uid);
	}

	replay(uid: string, after: number | undefined): number {
		const { outbox, server } = this.#core();
		const told =
			after === undefined
				? this.#reports(uid)
						.filter(({ body }) => (JSON.parse(body) as DeliveryCounts).deadLetters > 0)
						.map(({ namespace }) => namespace)
				: server.store.names("namespaces").map(({ name }) => name);
		for (const name of told)
			outbox.post({ to: { object: "namespace", name }, body: { type: "replayDeliveries", uid, ...(after === undefined ? {} : { after }) } });
		return told.length;
	}

	async deadLetters(uid: string): Promise<WebhookDeadLetter[]> {
		const having = this.#reports(uid).filter(({ body }) => (JSON.parse(body) as DeliveryCounts).deadLetters > 0);
		return (await Promise.all(having.slice(0, NAMESPACES_ASKED_MAX).map(({ namespace }) => this.#ports.deadLettersOf(namespace, uid)))).flat();
	}
}
