/** Brings the node's network to what the network table says: one change after the other, the last state last. */
import { type NetworkRow, networkRowKey } from "../../core/protocol/agent-protocol.ts";
import { type Clock, sleep } from "../clock.ts";
import type { Logger } from "../log.ts";
import { RetryDelay } from "../retry-delay.ts";

export class NetworkChanges {
	readonly #clock: Clock;
	readonly #log: Logger;
	readonly #apply: (rows: readonly NetworkRow[]) => Promise<void> | void;
	readonly #waiting = new Map<string, NetworkRow>();
	readonly #halt = new AbortController();
	#work: Promise<void> | undefined;

	constructor(clock: Clock, log: Logger, apply: (rows: readonly NetworkRow[]) => Promise<void> | void) {
		this.#clock = clock;
		this.#log = log;
		this.#apply = apply;
	}

	/** A failure is tried again, as rules that lag lead nowhere. */
	take(rows: readonly NetworkRow[]): void {
		for (const row of rows) this.#waiting.set(networkRowKey(row), row);
		this.#work ??= this.#loop().finally(() => {
			this.#work = undefined;
		});
	}

	/** Resolves when the present change is through. */
	async stop(): Promise<void> {
		this.#halt.abort();
		await this.#work;
	}

	async #loop(): Promise<void> {
		const retry = new RetryDelay();
		while (this.#waiting.size > 0 && !this.#halt.signal.aborted) {
			const changes = new Map(this.#waiting);
			this.#waiting.clear();
			try {
				await this.#apply([...changes.values()]);
				retry.reset();
			} catch (error) {
				this.#log.error("the network could not be changed", { error });
				for (const [key, row] of changes) if (!this.#waiting.has(key)) this.#waiting.set(key, row);
				await sleep(this.#clock, retry.next(), this.#halt.signal);
			}
		}
	}
}
