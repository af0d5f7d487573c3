/** A request's body that can be sent to another pod when the first does not take it: as long as it is short, or nothing of it was read. */

/** Bytes of a body that are kept for another try. */
export const REPLAY_BYTES_MAX = 64 * 1024;

export class ReplayableBody {
	readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
	readonly #kept: Uint8Array[] = [];
	#keptBytes = 0;
	#isWhole = true;
	#ended = false;
	#reading: Promise<Uint8Array | undefined> | undefined;

	constructor(stream: ReadableStream<Uint8Array>) {
		this.#reader = stream.getReader();
	}

	/** Whether all that was read is kept. */
	get isReplayable(): boolean {
		return this.#isWhole;
	}

	/** The body from its beginning; who has begun to read it before reads no further. Rejects as the client's stream does. */
	async *open(): AsyncGenerator<Uint8Array> {
		for (let at = 0; ; at++) {
			const chunk = this.#kept[at] ?? (await this.#next());
			if (chunk === undefined) return;
			yield chunk;
		}
	}

	/** Two tries that wait for the same chunk both get it. */
	#next(): Promise<Uint8Array | undefined> {
		if (this.#ended) return Promise.resolve(undefined);
		this.#reading ??= this.#read().finally(() => {
			this.#reading = undefined;
		});
		return this.#reading;
	}

	async #read(): Promise<Uint8Array | undefined> {
		const { done, value } = await this.#reader.read();
		if (done) {
			this.#ended = true;
			return undefined;
		}
		this.#keptBytes += value.length;
		this.#isWhole &&= this.#keptBytes <= REPLAY_BYTES_MAX;
		if (this.#isWhole) this.#kept.push(value);
		return value;
	}
}
