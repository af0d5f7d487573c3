import { describe, expect, it } from "vitest";
import {
	CIRCUIT_FAILURES,
	CIRCUIT_PAUSE_MAX_MS,
	type DeliveryLimits,
	DeliveryQueue,
	RETRY_AFTER_MAX_MS,
	retryAfterMs,
	RETRY_BASE_MS,
	RETRY_PAUSE_MAX_MS,
} from "./delivery-queue.ts";

const LIMITS: DeliveryLimits = { concurrency: 8, ratePerSecond: undefined, retryMs: 3 * 24 * 3_600_000 };
const OK = { status: 200 };
const ERROR = { status: 500 };
const NOW = 1_000_000;
/** Without jitter. */
const NO_CHANCE = 1;

function queueOf(deliveries: [revision: number, object: string][], limits: Partial<DeliveryLimits> = {}): DeliveryQueue {
	const queue = new DeliveryQueue({ ...LIMITS, ...limits });
	for (const [revision, object] of deliveries) queue.add({ revision, object, queuedMs: NOW, dueMs: 0, attempts: 0 });
	return queue;
}
const begun = (queue: DeliveryQueue, nowMs = NOW): number[] => queue.next(nowMs).map(({ revision }) => revision);

/** Fails `count` deliveries of an object in a row, each as soon as it is due; returns the moment of the last answer. */
function failInRow(queue: DeliveryQueue, count: number): number {
	let nowMs = NOW;
	for (let i = 0; i < count; i++) {
		nowMs = Math.max(nowMs, queue.nextDueMs(nowMs) ?? nowMs);
		for (const { revision } of queue.next(nowMs)) queue.answered(revision, ERROR, nowMs, NO_CHANCE);
	}
	return nowMs;
}

describe("what is delivered next", () => {
	it("is the oldest change of each object, side by side", () => {
		const queue = queueOf([
			[1, "a"],
			[2, "a"],
			[3, "b"],
		]);
		expect(begun(queue)).toEqual([1, 3]);
		expect(begun(queue)).toEqual([]);
		queue.answered(1, OK, NOW, 0);
		expect(begun(queue)).toEqual([2]);
		expect(queue.size).toBe(2);
	});

	it("is no more than the subscription's concurrency", () => {
		const queue = queueOf(
			[
				[1, "a"],
				[2, "b"],
				[3, "c"],
			],
			{ concurrency: 2 },
		);
		expect(begun(queue)).toEqual([1, 2]);
		queue.answered(2, OK, NOW, 0);
		expect(begun(queue)).toEqual([3]);
	});

	it("is no faster than its rate, a second's worth of which comes at once", () => {
		const queue = queueOf(
			Array.from({ length: 20 }, (_, i) => [i, `o${i}`]),
			{ concurrency: 64, ratePerSecond: 4 },
		);
		expect(begun(queue)).toHaveLength(4);
		expect(queue.nextDueMs(NOW)).toBe(NOW + 250);
		expect(begun(queue, NOW + 249)).toEqual([]);
		expect(begun(queue, NOW + 250)).toHaveLength(1);
		expect(begun(queue, NOW + 10_000)).toHaveLength(4);
	});

	it("leaves an object that fails behind, and no other", () => {
		const queue = queueOf([
			[1, "a"],
			[2, "a"],
			[3, "b"],
		]);
		begun(queue);
		const verdict = queue.answered(1, ERROR, NOW, NO_CHANCE);
		expect(verdict).toMatchObject({ type: "retry", delivery: { attempts: 1, dueMs: NOW + RETRY_BASE_MS }, problem: "the target answered 500" });
		queue.answered(3, OK, NOW, 0);
		expect(begun(queue)).toEqual([]);
		expect(queue.nextDueMs(NOW)).toBe(NOW + RETRY_BASE_MS);
		expect(begun(queue, NOW + RETRY_BASE_MS)).toEqual([1]);
	});

	it("is nothing while it is suspended", () => {
		const queue = queueOf([[1, "a"]]);
		queue.suspended = true;
		expect([begun(queue), queue.nextDueMs(NOW)]).toEqual([[], undefined]);
	});

	it("takes in once what is added twice, and what is replayed in its place", () => {
		const queue = queueOf([
			[5, "a"],
			[5, "a"],
			[9, "a"],
			[7, "a"],
		]);
		const order: number[] = [];
		for (let [next] = queue.next(NOW); next !== undefined; [next] = queue.next(NOW)) {
			order.push(next.revision);
			if (next.revision === 5) queue.add({ revision: 3, object: "a", queuedMs: NOW, dueMs: 0, attempts: 0 });
			queue.answered(next.revision, OK, NOW, 0);
		}
		expect(order).toEqual([5, 3, 7, 9]);
	});
});

describe("a target that fails", () => {
	it("is asked after pauses that double, up to an hour, with chance in them", () => {
		const pauses: number[] = [];
		const queue = queueOf([
			[1, "a"],
			[2, "b"],
		]);
		for (let attempts = 0, nowMs = NOW; attempts < 14; attempts++) {
			const [delivery] = queue.next(nowMs);
			if (delivery === undefined) throw new Error("nothing is due");
			for (const other of [1, 2]) if (other !== delivery.revision) queue.answered(other, OK, nowMs, 0);
			queue.circuit.failuresInRow = 0;
			queue.circuit.pausedUntilMs = 0;
			const verdict = queue.answered(delivery.revision, ERROR, nowMs, NO_CHANCE);
			if (verdict.type !== "retry") throw new Error(verdict.type);
			pauses.push(verdict.delivery.dueMs - nowMs);
			nowMs = verdict.delivery.dueMs;
		}
		expect(pauses.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
		expect(pauses.at(-1)).toBe(RETRY_PAUSE_MAX_MS);
		const other = queueOf([[1, "a"]]);
		begun(other);
		expect(other.answered(1, ERROR, NOW, 0)).toMatchObject({ delivery: { dueMs: NOW + RETRY_BASE_MS / 2 } });
	});

	it("opens the circuit: then one delivery at a time asks whether it is back, and at its answer all are due", () => {
		const queue = queueOf(
			Array.from({ length: 10 }, (_, i) => [i + 1, `o${i}`]),
			{ concurrency: 4 },
		);
		const nowMs = failInRow(queue, 2);
		expect(queue.isFailing).toBe(true);
		expect(begun(queue, nowMs)).toEqual([]);
		const probeMs = queue.nextDueMs(nowMs) ?? 0;
		expect(probeMs).toBeGreaterThan(nowMs);
		const probe = begun(queue, probeMs);
		expect(probe).toHaveLength(1);
		expect(begun(queue, probeMs)).toEqual([]);
		expect(queue.answered(probe[0] as number, OK, probeMs, 0)).toEqual({ type: "delivered", revived: true });
		expect(begun(queue, probeMs)).toHaveLength(4);
	});

	it("is asked at least every few minutes", () => {
		const queue = queueOf([[1, "a"]]);
		const nowMs = failInRow(queue, CIRCUIT_FAILURES + 20);
		expect((queue.nextDueMs(nowMs) ?? 0) - nowMs).toBe(CIRCUIT_PAUSE_MAX_MS);
	});

	it("gets nothing any more after its time, whether that was tried or not", () => {
		const queue = queueOf(
			[
				[1, "a"],
				[2, "a"],
				[3, "b"],
			],
			{ retryMs: 60_000, concurrency: 1 },
		);
		failInRow(queue, CIRCUIT_FAILURES);
		const [probe] = queue.next(NOW + 60_000);
		const verdict = queue.answered(probe?.revision ?? 0, ERROR, NOW + 60_000, NO_CHANCE);
		expect(verdict).toMatchObject({ type: "dead" });
		expect([probe?.revision, ...("expired" in verdict ? verdict.expired : [])].sort()).toEqual([1, 2, 3]);
		expect(queue.size).toBe(0);
	});

	it("is left alone once it is gone", () => {
		const queue = queueOf([
			[1, "a"],
			[2, "b"],
		]);
		begun(queue);
		expect(queue.answered(1, { status: 410 }, NOW, 0)).toEqual({ type: "gone", problem: "the target answered 410" });
		expect(queue.clear().sort()).toEqual([1, 2]);
		expect(queue.answered(2, OK, NOW, 0)).toEqual({ type: "stray" });
	});

	it("is left alone as long as it asks", () => {
		const queue = queueOf(
			[
				[1, "a"],
				[2, "b"],
				[3, "c"],
			],
			{ concurrency: 2 },
		);
		begun(queue);
		queue.answered(1, { status: 503, retryAfter: "120" }, NOW, 0);
		queue.answered(2, OK, NOW, 0);
		expect([begun(queue), queue.nextDueMs(NOW)]).toEqual([[], NOW + 120_000]);
		expect(begun(queue, NOW + 120_000).sort()).toEqual([1, 3]);
	});
});

describe("Retry-After", () => {
	it.each([
		["120", 120_000],
		[new Date(NOW + 5_000).toUTCString(), 5_000],
		["soon", 0],
		["-1", 0],
		[new Date(NOW - 60_000).toUTCString(), 0],
		["99999999999", RETRY_AFTER_MAX_MS],
		[null, 0],
	])("of %s", (header, expected) => {
		expect(retryAfterMs(header, NOW)).toBe(expected);
	});
});
