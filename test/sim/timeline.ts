/** Virtual time: events in order of their moment, ties in order of their making. */
interface Entry {
	atMs: number;
	order: number;
	run(): void | Promise<void>;
}

export class Timeline {
	nowMs: number;
	readonly #entries: Entry[] = [];
	#made = 0;

	constructor(startMs: number) {
		this.nowMs = startMs;
	}

	at(atMs: number, run: () => void | Promise<void>): void {
		const entry = { atMs: Math.max(atMs, this.nowMs), order: this.#made++, run };
		let low = 0;
		let high = this.#entries.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			const other = this.#entries[middle] as Entry;
			if (other.atMs < entry.atMs || (other.atMs === entry.atMs && other.order < entry.order)) low = middle + 1;
			else high = middle;
		}
		this.#entries.splice(low, 0, entry);
	}

	after(delayMs: number, run: () => void | Promise<void>): void {
		this.at(this.nowMs + delayMs, run);
	}

	/** Runs the next event, if there is one no later than `untilMs`. What it leaves to microtasks is done on return. */
	async step(untilMs: number): Promise<boolean> {
		const next = this.#entries[0];
		if (next === undefined || next.atMs > untilMs) return false;
		this.#entries.shift();
		this.nowMs = next.atMs;
		await next.run();
		await new Promise((resolve) => setImmediate(resolve));
		return true;
	}

	async runUntil(untilMs: number): Promise<void> {
		while (await this.step(untilMs));
		this.nowMs = Math.max(this.nowMs, untilMs);
	}
}
