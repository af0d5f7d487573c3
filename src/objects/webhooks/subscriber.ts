/** One subscription as it is served in one Durable Object: its queue in memory, its rows in SQLite, and its counts. */
import { type DeliveryAnswer, DeliveryQueue, isDelivered, PENDING_MAX, type QueuedDelivery, type Verdict } from "../../core/webhooks/delivery-queue.ts";
import type { Subscription } from "../../core/webhooks/subscription.ts";
import { type DeliveryCounts, NO_COUNTS } from "../../core/webhooks/subscription-status.ts";
import type { DeliveryTable, SubscriptionState } from "./delivery-table.ts";

/** So long news wait for more of them, in milliseconds. */
const NEWS_GATHERED_MS = 200;

export class Subscriber {
	subscription: Subscription;
	readonly queue: DeliveryQueue;
	/** When there is something to report; undefined while there is not. */
	reportDueMs: number | undefined;
	/** Counts have changed by what the log had. */
	hasNews = false;
	#reportedMs = 0;
	readonly #table: DeliveryTable;
	readonly #state: SubscriptionState;
	#dead: number;

	/** Takes up what an earlier life of the object left, or begins after `cursor`. */
	constructor(subscription: Subscription, table: DeliveryTable, kept: SubscriptionState | undefined, cursor: number) {
		this.subscription = subscription;
		this.#table = table;
		this.#state = kept ?? { cursor, generation: subscription.generation, counts: NO_COUNTS, circuit: { failuresInRow: 0, pausedUntilMs: 0 } };
		this.queue = new DeliveryQueue(subscription.limits, { ...this.#state.circuit });
		for (const delivery of kept ? table.pending(subscription.uid) : []) this.queue.add(delivery);
		this.#dead = kept ? table.deadCount(subscription.uid) : 0;
		this.#applySpec();
	}

	get uid(): string {
		return this.subscription.uid;
	}

	/** Up to here the change log has been looked through for it. */
	get cursor(): number {
		return this.#state.cursor;
	}

	get isFull(): boolean {
		return this.queue.size >= PENDING_MAX;
	}

	/** The target said that it is gone, and the spec has not changed since. */
	get isGone(): boolean {
		const ready = this.subscription.source.status?.conditions?.find(({ type }) => type === "Ready");
		const told = ready?.reason === "Gone" && ready.observedGeneration === this.subscription.generation;
		return told || this.#state.counts.goneGeneration === this.subscription.generation;
	}

	get counts(): DeliveryCounts {
		const { size, isFailing } = this.queue;
		const misconfigured = this.#state.counts.misconfigured && size > 0;
		return {
			...this.#state.counts,
			pending: size,
			deadLetters: this.#dead,
			oldestPendingMs: this.queue.oldestMs() ?? 0,
			failing: isFailing && size > 0,
			misconfigured,
		};
	}

	/** The spec, or the status, is another now. What is newer than the cursor is judged by the new one. */
	renew(subscription: Subscription): void {
		const changed = subscription.generation !== this.#state.generation;
		this.subscription = subscription;
		this.#state.generation = subscription.generation;
		this.#applySpec();
		if (!changed) return;
		this.queue.hurry();
		this.#table.hurry(this.uid);
		this.save();
	}

	#applySpec(): void {
		this.queue.limits = this.subscription.limits;
		this.queue.suspended = this.subscription.spec.suspend === true;
	}

	/** An earlier life of the object died before it told what it had to. */
	get owesReport(): boolean {
		return this.#state.owesReport === true;
	}

	/** There is something to report: at once when it is urgent, else soon, but not again within `intervalMs`. Call inside a transaction. */
	news(nowMs: number, intervalMs: number, isUrgent = false): void {
		if (!this.#state.owesReport) {
			this.#state.owesReport = true;
			this.save();
		}
		const dueMs = isUrgent ? nowMs : Math.max(nowMs + NEWS_GATHERED_MS, this.#reportedMs + intervalMs);
		this.reportDueMs = Math.min(this.reportDueMs ?? dueMs, dueMs);
	}

	/** What was to be reported is. */
	reported(nowMs: number): void {
		this.reportDueMs = undefined;
		this.#reportedMs = nowMs;
		this.#state.owesReport = false;
	}

	/** Call inside a transaction with what it adds. */
	passed(cursor: number, isKept: boolean): void {
		this.#state.cursor = cursor;
		if (isKept) this.save();
	}

	add(delivery: QueuedDelivery): void {
		if (this.queue.has(delivery.revision)) return;
		this.hasNews = true;
		this.#table.add(this.uid, delivery);
		this.queue.add(delivery);
	}

	/** Changes that were dropped unseen. */
	lose(count: number): void {
		this.hasNews = true;
		this.#count({ lost: this.#state.counts.lost + count });
	}

	conditionFailed(problem: string): void {
		this.hasNews = true;
		this.#count({ conditionErrors: this.#state.counts.conditionErrors + 1, lastConditionError: problem });
	}

	/** What came of a delivery. Returns whether that is news which must not wait. */
	answered(revision: number, answer: DeliveryAnswer, nowMs: number, random: number): boolean {
		const before = this.counts;
		const verdict = this.queue.answered(revision, answer, nowMs, random);
		if (isDelivered(answer)) this.#delivered(revision, verdict, nowMs);
		else this.#failed(revision, verdict, answer, nowMs);
		const after = this.counts;
		return before.failing !== after.failing || before.misconfigured !== after.misconfigured || before.goneGeneration !== after.goneGeneration;
	}

	/** A change that is nowhere to be found any more. */
	missing(revision: number, nowMs: number): boolean {
		this.queue.answered(revision, { status: 200 }, nowMs, 0);
		this.#table.remove(this.uid, revision);
		this.lose(1);
		return false;
	}

	#delivered(revision: number, verdict: Verdict, nowMs: number): void {
		this.#table.remove(this.uid, revision);
		this.#count({ delivered: this.#state.counts.delivered + 1, lastSuccessMs: nowMs, misconfigured: false });
		if (verdict.type !== "delivered" || !verdict.revived) return;
		this.#table.hurry(this.uid);
		this.save();
	}

	#failed(revision: number, verdict: Verdict, answer: DeliveryAnswer, nowMs: number): void {
		if (verdict.type === "delivered" || verdict.type === "stray") return;
		const misconfigured = "misconfigured" in answer && answer.misconfigured === true;
		this.#count({ failures: this.#state.counts.failures + 1, lastFailureMs: nowMs, lastFailure: verdict.problem, misconfigured });
		if (verdict.type === "retry") this.#table.retried(this.uid, verdict.delivery);
		if (verdict.type === "gone") this.#end(verdict.problem);
		else this.#bury([...verdict.expired, ...(verdict.type === "dead" ? [revision] : [])], verdict.problem);
		this.save();
	}

	/** Nothing is sent any more; what waited can be replayed. */
	#end(problem: string): void {
		this.#count({ goneGeneration: this.subscription.generation });
		this.#bury(this.queue.clear(), problem);
	}

	#bury(revisions: readonly number[], problem: string): void {
		if (revisions.length > 0) this.#dead = this.#table.bury(this.uid, revisions, problem);
	}

	/** The dead letters wait again; their tries begin anew. */
	replayDead(nowMs: number): number {
		const letters = this.#table.deadLetters(this.uid, PENDING_MAX - this.queue.size);
		this.replay(letters.map(({ revision, object }) => ({ revision, object, queuedMs: nowMs, dueMs: 0, attempts: 0 })));
		return letters.length;
	}

	replay(deliveries: readonly QueuedDelivery[]): void {
		for (const delivery of deliveries) this.add(delivery);
		this.#dead = this.#table.deadCount(this.uid);
	}

	forget(): void {
		this.queue.clear();
		this.#table.forget(this.uid);
	}

	save(): void {
		this.#table.save(this.uid, { ...this.#state, circuit: this.queue.circuit });
	}

	#count(changed: Partial<DeliveryCounts>): void {
		this.#state.counts = { ...this.#state.counts, ...changed };
	}
}
