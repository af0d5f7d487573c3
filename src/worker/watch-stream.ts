/** The client's end of a watch or a log: a response body that is written as things happen, and ends with its client. */

/** How far a reader may fall behind, in bytes, before it is dropped: it can come back and resume. */
export const MAX_BACKLOG_BYTES = 32 * 1024 * 1024;

export class WatchStream {
	readonly body: ReadableStream<Uint8Array>;
	readonly #encoder = new TextEncoder();
	readonly #cleanups: (() => void)[] = [];
	#controller: ReadableStreamDefaultController<Uint8Array> | undefined;
	#ended = false;

	constructor() {
		this.body = new ReadableStream<Uint8Array>(
			{
				start: (controller) => {
					this.#controller = controller;
				},
				cancel: () => this.#finish(),
			},
			new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
		);
	}

	get ended(): boolean {
		return this.#ended;
	}

	/** Runs once, when the stream has ended for whatever reason; at once when it has already. */
	onEnd(cleanup: () => void): void {
		if (this.#ended) cleanup();
		else this.#cleanups.push(cleanup);
	}

	/** Drops the reader when it had fallen behind too far before this; one big write alone never does that. */
	write(data: string | Uint8Array): void {
		if (this.#ended || data.length === 0) return;
		const backlogBytes = -(this.#controller?.desiredSize ?? 0);
		if (backlogBytes > MAX_BACKLOG_BYTES) this.end();
		else this.#controller?.enqueue(typeof data === "string" ? this.#encoder.encode(data) : data);
	}

	/** Ends after what has been written. */
	end(): void {
		if (this.#ended) return;
		this.#controller?.close();
		this.#finish();
	}

	#finish(): void {
		if (this.#ended) return;
		this.#ended = true;
		for (const cleanup of this.#cleanups) cleanup();
	}
}
