/** Progress lines: on a terminal the running step is shown and overwritten; elsewhere each finished step is one line. */

/** Where lines go: the terminal, or, when detached, the process that waits for the cluster to be ready. */
export type LineSink = (line: string) => void;

export class Progress {
	readonly #sink: LineSink;
	readonly #terminal: boolean;

	constructor(sink: LineSink = (line) => process.stdout.write(`${line}\n`), terminal = process.stdout.isTTY === true) {
		this.#sink = sink;
		this.#terminal = terminal;
	}

	/** Runs one step; `work` may say more about it by returning a text. A failed step is marked and its error passes on. */
	async step<T>(title: string, work: (note: (text: string) => void) => Promise<T>): Promise<T> {
		const startMs = performance.now();
		let detail = "";
		if (this.#terminal) process.stdout.write(`  ${title} ...`);
		try {
			const result = await work((text) => {
				detail = `: ${text}`;
			});
			this.#finish(`✔ ${title}${detail} (${seconds(performance.now() - startMs)})`);
			return result;
		} catch (error) {
			this.#finish(`✖ ${title}`);
			throw error;
		}
	}

	line(text: string): void {
		this.#sink(text);
	}

	#finish(line: string): void {
		if (this.#terminal) process.stdout.write("\r\x1b[K");
		this.#sink(line);
	}
}

/** "0.4 s" */
export function seconds(ms: number): string {
	return `${(ms / 1000).toFixed(1)} s`;
}
