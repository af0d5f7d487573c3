/**
 * Deliveries to webhook subscriptions from one Durable Object: each delivers the changes of its own objects. What is wanted of the
 * change log becomes a row in the turn that made the change, or in the next life of the object; a row goes when the target has
 * taken the delivery. So an object that dies at any moment delivers once more rather than never.
 */
import type { KubeObject, ResourceName } from "../../core/meta/object.ts";
import { expired } from "../../core/errors/status-error.ts";
import type { WebhookSubscription } from "../../core/schema/kubernetes.d.ts";
import { type CloudEvent, eventOf, testEvent } from "../../core/webhooks/cloud-event.ts";
import { type DeliveryAnswer, PENDING_MAX, type QueuedDelivery } from "../../core/webhooks/delivery-queue.ts";
import { Subscription } from "../../core/webhooks/subscription.ts";
import { momentOf, revisionAt } from "../../store/revision-clock.ts";
import type { CommittedChange, ResourceServer } from "../resource-server.ts";
import { ChangeScan, CHANGE_NAMES, deliveryOf } from "./change-scan.ts";
import { type DeadLetter, DeliveryTable, type SubscriptionState } from "./delivery-table.ts";
import { callOf, Misconfigured } from "./message.ts";
import { SecretCache } from "./secret-cache.ts";
import { Subscriber } from "./subscriber.ts";
import type { DeliveryHost } from "./webhook-ports.ts";

/** An object that dies while deliveries are under way is woken within this time, in milliseconds. */
const RESCUE_MS = 5_000;
/** Statuses written in one turn: the others come with the next alarm, so that many subscriptions hold up no request and no delivery. */
const REPORTS_PER_TURN_MAX = 4;
/** Dead letters that one list shows. */
const DEAD_LETTERS_SHOWN = 500;

export class WebhookDeliveries {
	readonly #server: ResourceServer;
	readonly #host: DeliveryHost;
	readonly #table: DeliveryTable;
	readonly #scan: ChangeScan;
	readonly #secrets: SecretCache;
	readonly #subscribers = new Map<string, Subscriber>();
	readonly #turn: (work: () => void) => void;
	/** Which collections any of them names, worked out as they are asked for. */
	readonly #wanted = new Map<ResourceName, { any: boolean; old: boolean }>();
	#version: unknown;
	/** What targets answered and is still to be taken in. */
	readonly #answers: { subscriber: Subscriber; revision: number; answer: DeliveryAnswer | undefined }[] = [];
	#taking: Promise<void> | undefined;
	/** The log may have what nobody has looked at. */
	#isBehind = true;

	/** `turn` runs work in a transaction and follows up on what it commits. */
	constructor(server: ResourceServer, host: DeliveryHost, turn: (work: () => void) => void) {
		this.#server = server;
		this.#host = host;
		this.#turn = turn;
		this.#table = new DeliveryTable(server.ports.sql);
		this.#scan = new ChangeScan(server, () => host.namespaceLabels());
		this.#secrets = new SecretCache(
			(namespace, name) => host.secretOf(namespace, name),
			() => server.ports.nowMs(),
		);
		server.store.keepsOld = (resource) => this.#wants(resource).old;
	}

	/** Sees what was committed. */
	observe(changes: readonly CommittedChange[]): void {
		if (!this.#isBehind) this.#isBehind = changes.some(({ resource }) => this.#wants(resource).any);
	}

	/** The kinds are others now: rules are held against them anew. */
	kindsChanged(): void {
		this.#version = undefined;
	}

	/** Takes in what changed, and begins the deliveries that are due. Call outside of any transaction, after each turn. */
	pump(): void {
		try {
			this.#refresh();
			if (this.#subscribers.size === 0) return;
			if (this.#isBehind) this.#turn(() => this.#takeIn());
			for (const subscriber of this.#subscribers.values()) this.#send(subscriber);
			const nowMs = this.#server.ports.nowMs();
			const due = [...this.#subscribers.values()].filter(({ reportDueMs = nowMs + 1 }) => reportDueMs <= nowMs).slice(0, REPORTS_PER_TURN_MAX);
			if (due.length > 0) this.#turn(() => this.#report(due, nowMs));
		} catch (error) {
			this.#server.ports.logError("webhook deliveries", error);
		}
	}

	nextDueMs(): number | undefined {
		const nowMs = this.#server.ports.nowMs();
		let next: number | undefined;
		const consider = (dueMs: number | undefined): void => {
			if (dueMs !== undefined && (next === undefined || dueMs < next)) next = dueMs;
		};
		for (const { queue, reportDueMs } of this.#subscribers.values()) {
			consider(reportDueMs);
			consider(queue.nextDueMs(nowMs));
			if (queue.inFlight > 0) consider(nowMs + RESCUE_MS);
		}
		return next;
	}

	/** The log is about to be compacted up to `last`. Call inside its transaction. */
	beforeCompaction(last: number): void {
		this.#refresh();
		this.#scan.lose([...this.#subscribers.values()], last);
		for (const subscriber of this.#subscribers.values()) subscriber.save();
	}

	#wants(resource: ResourceName): { any: boolean; old: boolean } {
		// The first change after the object woke comes before the first pump.
		if (this.#version === undefined) this.#refresh();
		let known = this.#wanted.get(resource);
		if (known === undefined) {
			const asking = [...this.#subscribers.values()].filter(({ subscription }) => subscription.selection(resource) !== undefined);
			known = { any: asking.length > 0, old: asking.some(({ subscription }) => subscription.wantsOld) };
			this.#wanted.set(resource, known);
		}
		return known;
	}

	/** Brings the subscribers in line with the subscriptions. */
	#refresh(): void {
		const source = this.#host.subscriptions();
		if (source === undefined || source.version === this.#version) return;
		this.#version = source.version;
		this.#wanted.clear();
		const present = source.list();
		const kept = this.#table.states();
		const uids = new Set(present.map(({ metadata }) => metadata.uid ?? ""));
		for (const each of present) this.#renew(new Subscription(each, this.#server.kinds), kept.get(each.metadata.uid ?? ""));
		for (const uid of new Set([...kept.keys(), ...this.#subscribers.keys()])) if (!uids.has(uid)) this.#forget(uid);
	}

	#renew(subscription: Subscription, kept: SubscriptionState | undefined): void {
		const known = this.#subscribers.get(subscription.uid);
		const nowMs = this.#server.ports.nowMs();
		if (known !== undefined) {
			if (known.subscription.generation !== subscription.generation) known.reportDueMs = nowMs;
			return known.renew(subscription);
		}
		const subscriber = new Subscriber(subscription, this.#table, kept, this.#beginning(subscription.source));
		this.#subscribers.set(subscription.uid, subscriber);
		this.#isBehind = true;
		if (kept !== undefined && kept.generation !== subscription.generation) subscriber.renew(subscription);
		if (kept === undefined) subscriber.save();
		if (subscription.source.status?.observedGeneration !== subscription.generation || subscriber.owesReport) subscriber.reportDueMs = nowMs;
	}

	/** The revision after which changes are delivered: that of the subscription's creation, or of its second where only that is known. */
	#beginning({ metadata, status }: WebhookSubscription): number {
		const isOwn = (metadata.namespace ?? "") === this.#server.namespace;
		if (isOwn && metadata.generation === 1 && status === undefined) return Number(metadata.resourceVersion);
		// Another object's clock may be ahead: what comes from now on must not be missed for it.
		return Math.min(revisionAt(Date.parse(metadata.creationTimestamp ?? "")), this.#server.store.log.newest());
	}

	#forget(uid: string): void {
		this.#subscribers.get(uid)?.forget();
		this.#subscribers.delete(uid);
		this.#table.forget(uid);
	}

	/** Queues what the log has. */
	#takeIn(): void {
		const all = [...this.#subscribers.values()];
		this.#scan.advance(all);
		this.#isBehind = all.some(({ isFull }) => isFull);
		for (const each of all) {
			if (each.hasNews) this.#news(each);
			each.hasNews = false;
		}
	}

	#report(due: readonly Subscriber[], nowMs: number): void {
		for (const each of due) {
			each.reported(nowMs);
			each.save();
			this.#host.report(each.subscription.source, each.counts);
		}
	}

	#news(subscriber: Subscriber, isUrgent = false): void {
		subscriber.news(this.#server.ports.nowMs(), this.#host.reportIntervalMs(subscriber.subscription.source), isUrgent);
	}

	#send(subscriber: Subscriber): void {
		if (subscriber.isGone) return;
		for (const delivery of subscriber.queue.next(this.#server.ports.nowMs()))
			void this.#deliver(subscriber, delivery).catch((error: unknown) => this.#server.ports.logError("a webhook delivery", error));
	}

	async #deliver(subscriber: Subscriber, { revision }: QueuedDelivery): Promise<void> {
		const event = this.#eventOf(subscriber.subscription, revision);
		const answer = event && (await this.#attempt(subscriber.subscription, event));
		this.#answers.push({ subscriber, revision, answer });
		this.#taking ??= this.#host.durable().then(() => this.#takeAnswers());
		await this.#taking;
	}

	/** Answers that come while an earlier commit is on its way to the disk are taken in together: they share the next one. */
	#takeAnswers(): void {
		this.#taking = undefined;
		const answers = this.#answers.splice(0);
		this.#turn(() => {
			for (const { subscriber, revision, answer } of answers) this.#answered(subscriber, revision, answer);
		});
		this.onAnswer();
	}

	/** Told after each answer; who owns the deliveries goes on with what follows. */
	onAnswer: () => void = () => {};

	#answered(subscriber: Subscriber, revision: number, answer: DeliveryAnswer | undefined): void {
		if (this.#subscribers.get(subscriber.uid) !== subscriber) return;
		const nowMs = this.#server.ports.nowMs();
		const isUrgent = answer === undefined ? subscriber.missing(revision, nowMs) : subscriber.answered(revision, answer, nowMs, this.#server.ports.random());
		this.#news(subscriber, isUrgent);
	}

	#eventOf(subscription: Subscription, revision: number): CloudEvent | undefined {
		const entry = this.#server.store.log.entry(revision);
		const kind = entry && subscription.selection(entry.resource)?.kind;
		if (entry === undefined || kind === undefined) return undefined;
		const delivered = {
			cluster: this.#host.cluster,
			change: CHANGE_NAMES[entry.type],
			kind,
			revision,
			momentMs: momentOf(revision),
			object: JSON.parse(entry.body) as KubeObject,
			oldObject: entry.old === null ? undefined : (JSON.parse(entry.old) as KubeObject),
			subscription: { namespace: subscription.namespace, name: subscription.name },
		};
		return eventOf(delivered, subscription.spec.payload ?? {});
	}

	async #attempt(subscription: Subscription, event: CloudEvent): Promise<DeliveryAnswer> {
		try {
			const call = await callOf(subscription, event, this.#server.ports.nowMs(), (namespace, name) => this.#secretOf(namespace, name));
			return await this.#host.sendWebhook(call);
		} catch (error) {
			if (error instanceof Misconfigured) return { failure: error.message, misconfigured: true };
			this.#server.ports.logError("a webhook delivery could not be made ready", error);
			return { failure: "the delivery could not be made ready; the control plane's log has the cause" };
		}
	}

	async #secretOf(namespace: string, name: string) {
		return namespace === this.#server.namespace ? this.#server.store.get("secrets", name) : this.#secrets.read(namespace, name);
	}

	/** Sends one event that tells of nothing, outside of the queue. */
	async test(subscription: WebhookSubscription): Promise<DeliveryAnswer & { durationMs: number }> {
		const { ports } = this.#server;
		const begunMs = ports.nowMs();
		const { namespace = "", name = "" } = subscription.metadata;
		const answer = await this.#attempt(
			new Subscription(subscription, this.#server.kinds),
			testEvent(this.#host.cluster, `test_${ports.uuid()}`, begunMs, { namespace, name }),
		);
		return { ...answer, durationMs: ports.nowMs() - begunMs };
	}

	/** Others have news of a subscription. */
	reportSoon(uid: string): void {
		const subscriber = this.#subscribers.get(uid);
		if (subscriber !== undefined) this.#news(subscriber);
	}

	deadLetters(uid: string): DeadLetter[] {
		return this.#table.deadLetters(uid, DEAD_LETTERS_SHOWN);
	}

	/** Queues the dead letters again, or all that is wanted of the log after a revision. Call inside a transaction. Throws 410 for a revision that is compacted away. */
	replay(uid: string, after: number | undefined): number {
		this.#refresh();
		const subscriber = this.#subscribers.get(uid);
		if (subscriber === undefined) return 0;
		const nowMs = this.#server.ports.nowMs();
		subscriber.reportDueMs = nowMs;
		if (after === undefined) return subscriber.replayDead(nowMs);
		const { log } = this.#server.store;
		if (after < log.compactedRevision()) throw expired(`too old resource version: ${after} (${log.compactedRevision()})`);
		const heads = this.#scan.wanted(subscriber, after, subscriber.cursor, PENDING_MAX - subscriber.queue.size);
		subscriber.replay(heads.map((head) => ({ ...deliveryOf(head), queuedMs: nowMs })));
		return heads.length;
	}
}

/** The collections of subscriptions. */
export const SUBSCRIPTIONS = "events.petrel.dev/webhooksubscriptions";
export const CLUSTER_SUBSCRIPTIONS = "events.petrel.dev/clusterwebhooksubscriptions";
