/** Lets at most `limit` tasks run at once; the others wait their turn in order. */
export class Limiter {
	readonly #limit: number;
	readonly #waiting: (() => void)[] = [];
	#running = 0;

	constructor(limit: number) {
		this.#limit = limit;
	}

	async run<T>(task: () => Promise<T>): Promise<T> {
		if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
		else this.#running++;
		try {
			return await task();
		} finally {
			const next = this.#waiting.shift();
			// The slot goes straight to the next waiter, so that nobody can slip in between.
			if (next) next();
			else this.#running--;
		}
	}
}
