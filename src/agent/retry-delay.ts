/** How long to wait before the next attempt: doubling, with jitter, so that a thousand agents do not come back at once. */
export const RETRY_INITIAL_MS = 500;
export const RETRY_MAX_MS = 30_000;

export class RetryDelay {
	readonly #random: () => number;
	readonly #initialMs: number;
	readonly #maxMs: number;
	#attempts = 0;

	/** `random` gives 0 to 1. */
	constructor(random: () => number = Math.random, initialMs = RETRY_INITIAL_MS, maxMs = RETRY_MAX_MS) {
		this.#random = random;
		this.#initialMs = initialMs;
		this.#maxMs = maxMs;
	}

	/** Between half of the present delay and all of it. */
	next(): number {
		const ceiling = Math.min(this.#initialMs * 2 ** Math.min(this.#attempts++, 30), this.#maxMs);
		return Math.round(ceiling / 2 + (ceiling / 2) * this.#random());
	}

	reset(): void {
		this.#attempts = 0;
	}
}
