/** A clock that stands still until a test moves it. */
import type { Clock } from "../../src/agent/clock.ts";

interface Timer {
	atMs: number;
	order: number;
	callback: () => void;
}

export class FakeClock implements Clock {
	#nowMs: number;
	#order = 0;
	readonly #timers = new Set<Timer>();

	constructor(nowMs = Date.parse("2026-01-01T00:00:00Z")) {
		this.#nowMs = nowMs;
	}

	nowMs(): number {
		return this.#nowMs;
	}

	after(delayMs: number, callback: () => void): () => void {
		const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
		this.#timers.add(timer);
		return () => this.#timers.delete(timer);
	}

	/** Milliseconds until the next timer is due, or undefined when there is none. */
	get nextDelayMs(): number | undefined {
		const next = this.#next();
		return next && next.atMs - this.#nowMs;
	}

	/** Moves on, firing what falls due in its order; what the callbacks start asynchronously runs between them. */
	async advance(ms: number): Promise<void> {
		const endMs = this.#nowMs + ms;
		for (let next = this.#next(); next && next.atMs <= endMs; next = this.#next()) {
			this.#nowMs = Math.max(this.#nowMs, next.atMs);
			this.#timers.delete(next);
			next.callback();
			await turn();
		}
		this.#nowMs = endMs;
		await turn();
	}

	#next(): Timer | undefined {
		let first: Timer | undefined;
		for (const timer of this.#timers) if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
		return first;
	}
}

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turns after which a wait is for something outside of this process, and need not spin. */
const BUSY_TURNS = 100;

/** Waits, turn by turn, until `condition` gives something true; the test runner's own limit ends a wait that never does. */
export async function until<T>(condition: () => T | undefined | false | null): Promise<T> {
	for (let turns = 0; ; turns++) {
		const value = condition();
		if (value) return value;
		if (turns < BUSY_TURNS) await turn();
		else await new Promise((resolve) => setTimeout(resolve, 1));
	}
}
