/** What a namespace remembers of its receivers' deliveries: rows of the meta table, by the receiver's uid. */
import { type RememberedDelivery, REMEMBERED_MAX, REMEMBERED_MS } from "../core/webhooks/receivers/delivery.ts";
import type { Sql } from "../store/sql.ts";

const PREFIX = "webhook-receiver/";
/** Subjects of one receiver whose last event is remembered. */
export const SUBJECTS_MAX = 10_000;
/** Rows are counted once in so many deliveries. */
const SWEEP_EVERY = 256;
/** Comes behind every text that a key goes on with. */
const END = "\uffff";

const deliveryKey = (uid: string, key: string): string => `${PREFIX}${uid}/delivery/${key}`;
const subjectKey = (uid: string, subject: string): string => `${PREFIX}${uid}/subject/${subject}`;

export class DeliveryMemory {
	readonly #sql: Sql;
	#sinceSweep = 0;

	constructor(sql: Sql) {
		this.#sql = sql;
	}

	delivery(uid: string, key: string): RememberedDelivery | undefined {
		return this.#get(deliveryKey(uid, key)) as RememberedDelivery | undefined;
	}

	remember(uid: string, key: string, delivery: RememberedDelivery): void {
		this.#put(deliveryKey(uid, key), delivery);
		if (++this.#sinceSweep < SWEEP_EVERY) return;
		this.#sinceSweep = 0;
		this.#sweep(deliveryKey(uid, ""), delivery.receivedMs - REMEMBERED_MS, REMEMBERED_MAX, (value) => (value as RememberedDelivery).receivedMs);
		this.#sweep(subjectKey(uid, ""), Number.NEGATIVE_INFINITY, SUBJECTS_MAX, Number);
	}

	/** Takes note of an event's moment; false where a later one of the subject is known. */
	follows(uid: string, subject: string, timeMs: number): boolean {
		const known = this.#get(subjectKey(uid, subject)) as number | undefined;
		if (known !== undefined && known > timeMs) return false;
		if (known !== timeMs) this.#put(subjectKey(uid, subject), timeMs);
		return true;
	}

	forget(uid: string): void {
		this.#sql.run("DELETE FROM meta WHERE key >= ? AND key < ?", `${PREFIX}${uid}/`, `${PREFIX}${uid}/${END}`);
	}

	#get(key: string): unknown {
		const row = this.#sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", key)[0];
		return row === undefined ? undefined : JSON.parse(row.value);
	}

	#put(key: string, value: unknown): void {
		this.#sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, JSON.stringify(value));
	}

	/** Forgets what is older than `beforeMs`, and the oldest of what is more than `max`. */
	#sweep(prefix: string, beforeMs: number, max: number, momentOf: (value: unknown) => number): void {
		const rows = this.#sql.all<{ key: string; value: string }>("SELECT key, value FROM meta WHERE key >= ? AND key < ?", prefix, prefix + END);
		const byAge = rows.map(({ key, value }) => ({ key, atMs: momentOf(JSON.parse(value)) })).sort((a, b) => b.atMs - a.atMs);
		for (const [index, { key, atMs }] of byAge.entries()) if (index >= max || atMs < beforeMs) this.#sql.run("DELETE FROM meta WHERE key = ?", key);
	}
}
