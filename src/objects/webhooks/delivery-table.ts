/** What webhook deliveries keep in a Durable Object's SQLite: what waits, what is dead, and how far each subscription is served. */
import { type Circuit, DEAD_LETTERS_MAX, type QueuedDelivery } from "../../core/webhooks/delivery-queue.ts";
import type { DeliveryCounts } from "../../core/webhooks/subscription-status.ts";
import type { Sql } from "../../store/sql.ts";

/** Kept of a subscription beside its deliveries. */
export interface SubscriptionState {
	/** Every wanted change up to this revision has a row, or is delivered. */
	cursor: number;
	generation: number;
	counts: DeliveryCounts;
	circuit: Circuit;
	/** Counts have changed since they were told last. */
	owesReport?: boolean;
}

export interface DeadLetter {
	revision: number;
	object: string;
	attempts: number;
	problem: string;
}

type DeliveryRow = { revision: number; object: string; queued_ms: number; due_ms: number; attempts: number; dead: string | null };

const deliveryOf = ({ revision, object, queued_ms, due_ms, attempts }: DeliveryRow): QueuedDelivery => ({
	revision,
	object,
	queuedMs: queued_ms,
	dueMs: due_ms,
	attempts,
});

export class DeliveryTable {
	readonly #sql: Sql;

	constructor(sql: Sql) {
		this.#sql = sql;
	}

	/** Whether any subscription has ever been served here. */
	states(): Map<string, SubscriptionState> {
		const rows = this.#sql.all<{ uid: string; body: string }>("SELECT uid, body FROM subscriptions");
		return new Map(rows.map(({ uid, body }) => [uid, JSON.parse(body) as SubscriptionState]));
	}

	save(uid: string, state: SubscriptionState): void {
		this.#sql.run("INSERT OR REPLACE INTO subscriptions (uid, body) VALUES (?, ?)", uid, JSON.stringify(state));
	}

	forget(uid: string): void {
		this.#sql.run("DELETE FROM subscriptions WHERE uid = ?", uid);
		this.#sql.run("DELETE FROM deliveries WHERE subscription = ?", uid);
	}

	/** A change that has a row already, as a dead letter for example, waits again. */
	add(uid: string, { revision, object, queuedMs, dueMs, attempts }: QueuedDelivery): void {
		this.#sql.run(
			"INSERT OR REPLACE INTO deliveries (subscription, revision, object, queued_ms, due_ms, attempts, dead) VALUES (?, ?, ?, ?, ?, ?, NULL)",
			uid,
			revision,
			object,
			queuedMs,
			dueMs,
			attempts,
		);
	}

	remove(uid: string, revision: number): void {
		this.#sql.run("DELETE FROM deliveries WHERE subscription = ? AND revision = ?", uid, revision);
	}

	retried(uid: string, { revision, dueMs, attempts }: QueuedDelivery): void {
		this.#sql.run("UPDATE deliveries SET due_ms = ?, attempts = ? WHERE subscription = ? AND revision = ?", dueMs, attempts, uid, revision);
	}

	/** All that has failed before is due. */
	hurry(uid: string): void {
		this.#sql.run("UPDATE deliveries SET due_ms = 0 WHERE subscription = ? AND dead IS NULL AND attempts > 0", uid);
	}

	/** They are tried no more. Returns how many dead letters there are then: the oldest beyond the limit are dropped. */
	bury(uid: string, revisions: readonly number[], problem: string): number {
		for (const revision of revisions) this.#sql.run("UPDATE deliveries SET dead = ? WHERE subscription = ? AND revision = ?", problem, uid, revision);
		const over = this.deadCount(uid) - DEAD_LETTERS_MAX;
		if (over <= 0) return over + DEAD_LETTERS_MAX;
		const oldest = "SELECT revision FROM deliveries WHERE subscription = ? AND dead IS NOT NULL ORDER BY revision LIMIT ?";
		this.#sql.run(`DELETE FROM deliveries WHERE subscription = ? AND revision IN (${oldest})`, uid, uid, over);
		return DEAD_LETTERS_MAX;
	}

	pending(uid: string): QueuedDelivery[] {
		const query = "SELECT revision, object, queued_ms, due_ms, attempts, dead FROM deliveries WHERE subscription = ? AND dead IS NULL ORDER BY revision";
		return this.#sql.all<DeliveryRow>(query, uid).map(deliveryOf);
	}

	deadCount(uid: string): number {
		return this.#sql.all<{ n: number }>("SELECT count(*) AS n FROM deliveries WHERE subscription = ? AND dead IS NOT NULL", uid)[0]?.n ?? 0;
	}

	/** The oldest ones. */
	deadLetters(uid: string, limit: number): DeadLetter[] {
		const query =
			"SELECT revision, object, queued_ms, due_ms, attempts, dead FROM deliveries WHERE subscription = ? AND dead IS NOT NULL ORDER BY revision LIMIT ?";
		return this.#sql
			.all<DeliveryRow>(query, uid, limit)
			.map((row) => ({ revision: row.revision, object: row.object, attempts: row.attempts, problem: row.dead ?? "" }));
	}
}
