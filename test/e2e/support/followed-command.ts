/** A command that goes on (logs -f, port-forward, get -w): what it prints is awaited, then it is ended. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

const TIMEOUT_MS = 60_000;

export class FollowedCommand {
	readonly child: ChildProcess;
	#text = "";
	#closed = false;
	#changed: () => void = () => {};

	constructor(child: ChildProcess) {
		this.child = child;
		const take = (chunk: Buffer): void => {
			this.#text += chunk.toString();
			this.#changed();
		};
		child.stdout?.on("data", take);
		child.stderr?.on("data", take);
		child.stdin?.on("error", () => {});
		child.once("close", () => {
			this.#closed = true;
			this.#changed();
		});
	}

	/** Both outputs so far. */
	get text(): string {
		return this.#text;
	}

	/** Resolves with the first match in the output so far; rejects when the command ends or a minute passes without one. */
	async until(pattern: RegExp): Promise<RegExpExecArray> {
		const deadline = performance.now() + TIMEOUT_MS;
		for (;;) {
			const match = pattern.exec(this.#text);
			if (match !== null) return match;
			if (this.#closed || performance.now() > deadline)
				throw new Error(`${this.child.spawnargs.join(" ")} ${this.#closed ? "ended" : "went on"} without ${pattern}:\n${this.#text}`);
			await this.#change(deadline - performance.now());
		}
	}

	send(text: string): void {
		this.child.stdin?.write(text);
	}

	/** Ends the input, and resolves with the exit code. */
	async finish(): Promise<number | null> {
		this.child.stdin?.end();
		if (!this.#closed) await once(this.child, "close");
		return this.child.exitCode;
	}

	async stop(): Promise<void> {
		if (this.#closed) return;
		this.child.kill();
		await once(this.child, "close");
	}

	#change(timeoutMs: number): Promise<void> {
		return new Promise((resolve) => {
			const timer = setTimeout(resolve, timeoutMs);
			this.#changed = () => {
				clearTimeout(timer);
				resolve();
			};
		});
	}
}
