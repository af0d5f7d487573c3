/**
 * What is to be delivered next to one subscription: pure, of what waits, the clock and the answers. Changes of one object follow
 * each other, those of several go side by side; a target that fails is asked less and less, and with one delivery at a time.
 */

/** Pending deliveries of one subscription in one namespace: what comes beyond them waits in the change log, as long as that keeps it. */
export const PENDING_MAX = 10_000;
/** Dead letters of one subscription in one namespace; the oldest go first. */
export const DEAD_LETTERS_MAX = 1_000;
/** The pause after a first failure; each further one doubles it. */
export const RETRY_BASE_MS = 1_000;
export const RETRY_PAUSE_MAX_MS = 3_600_000;
/** So many failures in a row open the circuit. */
export const CIRCUIT_FAILURES = 5;
/** An open circuit lets one delivery through at least this often. */
export const CIRCUIT_PAUSE_MAX_MS = 300_000;
/** What a target asks for by Retry-After is granted up to this. */
export const RETRY_AFTER_MAX_MS = 24 * 3_600_000;
const GONE = 410;

export interface DeliveryLimits {
	concurrency: number;
	ratePerSecond: number | undefined;
	/** How long one delivery is tried. */
	retryMs: number;
}

export interface QueuedDelivery {
	/** Of the change. */
	revision: number;
	/** Whose changes follow each other. */
	object: string;
	/** When the change was made. */
	queuedMs: number;
	dueMs: number;
	/** Tries that failed. */
	attempts: number;
}

/** What became of a try. */
export type DeliveryAnswer = { status: number; retryAfter?: string | null } | { failure: string; misconfigured?: boolean };

/** What follows from an answer. `expired` are others that are tried no more. */
export type Verdict =
	| { type: "delivered"; revived: boolean }
	| { type: "retry"; delivery: QueuedDelivery; problem: string; expired: number[] }
	| { type: "dead"; problem: string; expired: number[] }
	| { type: "gone"; problem: string }
	/** It was not under way any more: the queue was emptied meanwhile. */
	| { type: "stray" };

/** What is kept of a circuit while its object sleeps. */
export interface Circuit {
	failuresInRow: number;
	pausedUntilMs: number;
}

interface Lane {
	/** By revision. */
	deliveries: QueuedDelivery[];
	inFlight: boolean;
}

/** Half the pause, and a random part of the other half: targets that failed together are not asked together. */
const jittered = (pauseMs: number, random: number): number => Math.round(pauseMs / 2 + (random * pauseMs) / 2);

/** Delay-seconds or an HTTP date (RFC 9110, 10.2.3), in milliseconds from now; 0 when it says nothing. */
export function retryAfterMs(header: string | null | undefined, nowMs: number): number {
	const text = header?.trim() ?? "";
	const waitMs = /^\d+$/.test(text) ? Number(text) * 1_000 : /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) - nowMs : 0;
	return Number.isFinite(waitMs) ? Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS) : 0;
}

export const isDelivered = (answer: DeliveryAnswer): boolean => "status" in answer && answer.status >= 200 && answer.status < 300;

/** What went wrong, for people. */
export function problemOf(answer: DeliveryAnswer): string {
	if ("failure" in answer) return answer.failure;
	const redirect = answer.status >= 300 && answer.status < 400 ? ", and redirects are not followed" : "";
	return `the target answered ${answer.status}${redirect}`;
}

export class DeliveryQueue {
	limits: DeliveryLimits;
	/** Nothing is sent while this is set. */
	suspended = false;
	readonly circuit: Circuit;
	readonly #lanes = new Map<string, Lane>();
	readonly #objects = new Map<number, string>();
	/** Lanes whose first delivery is due, in the order in which they became so. */
	readonly #ready = new Set<string>();
	/** When the first delivery of the others is due. */
	readonly #waiting = new Map<string, number>();
	#inFlight = 0;
	/** When the next delivery may begin if all begin evenly (generic cell rate algorithm). */
	#evenMs = 0;

	constructor(limits: DeliveryLimits, circuit: Circuit = { failuresInRow: 0, pausedUntilMs: 0 }) {
		this.limits = limits;
		this.circuit = circuit;
	}

	get size(): number {
		return this.#objects.size;
	}

	get inFlight(): number {
		return this.#inFlight;
	}

	get isFailing(): boolean {
		return this.circuit.failuresInRow >= CIRCUIT_FAILURES;
	}

	has(revision: number): boolean {
		return this.#objects.has(revision);
	}

	/** When the oldest change that waits was made. */
	oldestMs(): number | undefined {
		let oldest: number | undefined;
		for (const { deliveries } of this.#lanes.values()) {
			const queuedMs = deliveries[0]?.queuedMs;
			if (queuedMs !== undefined && (oldest === undefined || queuedMs < oldest)) oldest = queuedMs;
		}
		return oldest;
	}

	add(delivery: QueuedDelivery): void {
		if (this.#objects.has(delivery.revision)) return;
		this.#objects.set(delivery.revision, delivery.object);
		const lane = this.#lanes.get(delivery.object) ?? { deliveries: [], inFlight: false };
		this.#lanes.set(delivery.object, lane);
		const { deliveries } = lane;
		// Most come last; one that is replayed may be older than what waits, but not than what is under way.
		let at = deliveries.length;
		while (at > (lane.inFlight ? 1 : 0) && (deliveries[at - 1] as QueuedDelivery).revision > delivery.revision) at--;
		deliveries.splice(at, 0, delivery);
		if (at === 0) this.#place(delivery.object, lane);
	}

	/** The deliveries that begin now. */
	next(nowMs: number): QueuedDelivery[] {
		if (this.suspended || nowMs < this.circuit.pausedUntilMs) return [];
		for (const [object, dueMs] of this.#waiting) if (dueMs <= nowMs) this.#makeReady(object);
		if (this.isFailing && this.#ready.size === 0 && this.#inFlight === 0) this.#hurrySoonest();
		const concurrency = this.isFailing ? 1 : this.limits.concurrency;
		const begun: QueuedDelivery[] = [];
		while (this.#inFlight < concurrency && this.#ready.size > 0 && this.#takeSlot(nowMs)) {
			const object = this.#ready.values().next().value as string;
			const lane = this.#lanes.get(object) as Lane;
			this.#ready.delete(object);
			lane.inFlight = true;
			this.#inFlight++;
			begun.push(lane.deliveries[0] as QueuedDelivery);
		}
		return begun;
	}

	/** When `next` may have more to say though nothing is answered; undefined for never. */
	nextDueMs(nowMs: number): number | undefined {
		if (this.suspended || this.#objects.size === 0) return undefined;
		const { pausedUntilMs } = this.circuit;
		if (this.#inFlight >= (this.isFailing ? 1 : this.limits.concurrency)) return undefined;
		let due = this.#ready.size > 0 ? this.#slotMs(nowMs) : Number.POSITIVE_INFINITY;
		for (const dueMs of this.#waiting.values()) if (dueMs < due) due = dueMs;
		if (this.isFailing && this.#inFlight === 0) due = Math.min(due, pausedUntilMs);
		return due === Number.POSITIVE_INFINITY ? undefined : Math.max(due, pausedUntilMs);
	}

	/** Takes in what became of a delivery that `next` began. */
	answered(revision: number, answer: DeliveryAnswer, nowMs: number, random: number): Verdict {
		const delivery = this.#land(revision);
		if (delivery === undefined) return { type: "stray" };
		if (isDelivered(answer)) {
			this.#remove(delivery);
			return { type: "delivered", revived: this.#recover() };
		}
		const problem = problemOf(answer);
		if ("status" in answer && answer.status === GONE) return { type: "gone", problem };
		this.#fail(answer, nowMs, random);
		delivery.attempts++;
		const expired = this.isFailing ? this.#expire(nowMs, revision) : [];
		if (nowMs - delivery.queuedMs >= this.limits.retryMs) {
			this.#remove(delivery);
			return { type: "dead", problem, expired };
		}
		delivery.dueMs = nowMs + jittered(Math.min(RETRY_BASE_MS * 2 ** (delivery.attempts - 1), RETRY_PAUSE_MAX_MS), random);
		const lane = this.#lanes.get(delivery.object);
		if (lane !== undefined) this.#place(delivery.object, lane);
		return { type: "retry", delivery, problem, expired };
	}

	/** Takes everything out that waits, also what is under way. */
	clear(): number[] {
		const all = [...this.#objects.keys()];
		this.#objects.clear();
		this.#lanes.clear();
		this.#ready.clear();
		this.#waiting.clear();
		this.#inFlight = 0;
		return all;
	}

	/** A target that was failing, or was changed, is asked at once again. */
	hurry(): void {
		this.circuit.failuresInRow = 0;
		this.circuit.pausedUntilMs = 0;
		for (const { deliveries } of this.#lanes.values()) for (const delivery of deliveries) delivery.dueMs = 0;
		for (const object of [...this.#waiting.keys()]) this.#makeReady(object);
	}

	#land(revision: number): QueuedDelivery | undefined {
		const object = this.#objects.get(revision);
		const lane = object === undefined ? undefined : this.#lanes.get(object);
		if (lane === undefined || !lane.inFlight || lane.deliveries[0]?.revision !== revision) return undefined;
		lane.inFlight = false;
		this.#inFlight--;
		return lane.deliveries[0];
	}

	/** True when the circuit was open. */
	#recover(): boolean {
		const wasFailing = this.isFailing;
		this.circuit.failuresInRow = 0;
		if (wasFailing) this.hurry();
		return wasFailing;
	}

	#fail(answer: DeliveryAnswer, nowMs: number, random: number): void {
		this.circuit.failuresInRow++;
		const over = this.circuit.failuresInRow - CIRCUIT_FAILURES;
		const openMs = over < 0 ? 0 : jittered(Math.min(RETRY_BASE_MS * 2 ** Math.min(over, 30), CIRCUIT_PAUSE_MAX_MS), random);
		const askedMs = "status" in answer ? retryAfterMs(answer.retryAfter, nowMs) : 0;
		this.circuit.pausedUntilMs = Math.max(this.circuit.pausedUntilMs, nowMs + Math.max(openMs, askedMs));
	}

	/** While nothing gets through, what has waited too long is given up whether or not it was ever tried. */
	#expire(nowMs: number, except: number): number[] {
		const expired: QueuedDelivery[] = [];
		for (const { deliveries, inFlight } of this.#lanes.values())
			for (const [at, delivery] of deliveries.entries())
				if (delivery.revision !== except && !(inFlight && at === 0) && nowMs - delivery.queuedMs >= this.limits.retryMs) expired.push(delivery);
		for (const delivery of expired) this.#remove(delivery);
		return expired.map(({ revision }) => revision);
	}

	#remove({ revision, object }: QueuedDelivery): void {
		this.#objects.delete(revision);
		const lane = this.#lanes.get(object);
		if (lane === undefined) return;
		const at = lane.deliveries.findIndex((each) => each.revision === revision);
		if (at >= 0) lane.deliveries.splice(at, 1);
		this.#place(object, lane);
	}

	#place(object: string, lane: Lane): void {
		this.#ready.delete(object);
		this.#waiting.delete(object);
		const first = lane.deliveries[0];
		if (first === undefined) {
			if (!lane.inFlight) this.#lanes.delete(object);
			return;
		}
		if (lane.inFlight) return;
		if (first.dueMs <= 0 || first.attempts === 0) this.#ready.add(object);
		else this.#waiting.set(object, first.dueMs);
	}

	#makeReady(object: string): void {
		this.#waiting.delete(object);
		this.#ready.add(object);
	}

	#hurrySoonest(): void {
		let soonest: [string, number] | undefined;
		for (const entry of this.#waiting) if (soonest === undefined || entry[1] < soonest[1]) soonest = entry;
		if (soonest !== undefined) this.#makeReady(soonest[0]);
	}

	/** When the next delivery may begin for the rate: a second's worth may begin at once. */
	#slotMs(nowMs: number): number {
		const { ratePerSecond } = this.limits;
		return ratePerSecond === undefined ? nowMs : Math.max(nowMs, Math.ceil(this.#evenMs - 1_000 + 1_000 / ratePerSecond));
	}

	#takeSlot(nowMs: number): boolean {
		const { ratePerSecond } = this.limits;
		if (ratePerSecond === undefined) return true;
		if (this.#slotMs(nowMs) > nowMs) return false;
		this.#evenMs = Math.max(this.#evenMs, nowMs) + 1_000 / ratePerSecond;
		return true;
	}
}
