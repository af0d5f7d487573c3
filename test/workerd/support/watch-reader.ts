/** The client's end of a watch: its events one by one. */
import type { KubeObject } from "../../../src/core/meta/object.ts";

export interface TestWatchEvent {
	type: string;
	object: KubeObject & { code?: number; reason?: string; message?: string; data?: Record<string, string> };
}

export class WatchReader {
	readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
	readonly #decoder = new TextDecoder();
	#rest = "";
	readonly #events: TestWatchEvent[] = [];

	constructor(body: ReadableStream) {
		this.#reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
	}

	/** Resolves to the next event, or to undefined when the watch has ended. */
	async next(): Promise<TestWatchEvent | undefined> {
		while (this.#events.length === 0) {
			const { done, value } = await this.#reader.read();
			if (done) return undefined;
			const lines = (this.#rest + this.#decoder.decode(value, { stream: true })).split("\n");
			this.#rest = lines.pop() ?? "";
			this.#events.push(...lines.filter((line) => line !== "").map((line) => JSON.parse(line) as TestWatchEvent));
		}
		return this.#events.shift();
	}

	/** The next `count` events as "TYPE name". */
	async take(count: number): Promise<string[]> {
		const taken: string[] = [];
		while (taken.length < count) {
			const event = await this.next();
			if (event === undefined) throw new Error(`the watch ended after ${taken.join(", ") || "nothing"}`);
			taken.push(`${event.type} ${event.object.metadata.name ?? event.object.code ?? ""}`.trim());
		}
		return taken;
	}

	async close(): Promise<void> {
		await this.#reader.cancel();
	}
}
