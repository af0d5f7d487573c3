/** Lets at most `limit` tasks run at once; the others wait their turn in order, those that were begun before those that were not. */
export class Limiter {
	readonly #limit: number;
	readonly #begun: (() => void)[] = [];
	readonly #waiting: (() => void)[] = [];
	#running = 0;

	constructor(limit: number) {
		this.#limit = limit;
	}

	/** `begun` goes ahead of what was not: it then ends sooner, and the others no later. */
	async run<T>(task: () => Promise<T>, begun = false): Promise<T> {
		if (this.#running >= this.#limit) await new Promise<void>((resolve) => (begun ? this.#begun : this.#waiting).push(resolve));
		else this.#running++;
		try {
			return await task();
		} finally {
			const next = this.#begun.shift() ?? this.#waiting.shift();
			// The slot goes straight to the next waiter, so that nobody can slip in between.
			if (next) next();
			else this.#running--;
		}
	}
}
