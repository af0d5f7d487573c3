/**
 * Writes that come while an earlier commit is on its way to the disk wait for it together and then run in one turn, which
 * is one commit: under load several writes share one fsync. A write that finds nothing under way does not wait.
 */
export class CommitGate {
	readonly #durable: () => Promise<void>;
	#opens: Promise<void> | undefined;

	/** `durable` resolves once everything that was written is on the disk. */
	constructor(durable: () => Promise<void>) {
		this.#durable = durable;
	}

	/** Everyone who waits goes on in the same turn of the event loop. */
	pass(): Promise<void> {
		this.#opens ??= this.#durable().finally(() => {
			this.#opens = undefined;
		});
		return this.#opens;
	}
}
