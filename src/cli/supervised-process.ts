/** A child process that is started again, with growing pauses, whenever it ends by itself. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { identify, type ProcessIdentity } from "./process-identity.ts";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A process that ran this long has recovered: its next pause is the first one again. */
const RECOVERED_AFTER_MS = 60_000;
const LOG_MODE = 0o600;

export interface ProcessSpec {
	name: string;
	command: string;
	/** Made anew for each start: a token in them may have run out. */
	arguments(): Promise<{ args: string[]; env?: Record<string, string> }>;
	/** Output is appended here. */
	logFile: string;
	cwd?: string;
	/** Called with each new process, and with undefined when it has ended. */
	onChange(identity: ProcessIdentity | undefined): void;
	/** Called when it ended by itself. */
	onCrash(outcome: string, pauseMs: number): void;
}

export class SupervisedProcess {
	readonly #spec: ProcessSpec;
	#child: ChildProcess | undefined;
	#ended: Promise<string> = Promise.resolve("");
	#stopping = false;
	#wake: () => void = () => {};
	#loop: Promise<void> = Promise.resolve();

	constructor(spec: ProcessSpec) {
		this.#spec = spec;
	}

	/** Starts the process and keeps it running until `stop`. Resolves once it is spawned. */
	async start(): Promise<void> {
		await this.#spawn();
		this.#loop = this.#keepRunning();
	}

	get running(): boolean {
		return this.#child !== undefined;
	}

	/** Resolves with the outcome when the present process ends. */
	get ended(): Promise<string> {
		return this.#ended;
	}

	/** Ends the process for good. It gets `graceMs` after SIGTERM. */
	async stop(graceMs: number): Promise<void> {
		this.#stopping = true;
		this.#wake();
		const child = this.#child;
		if (child !== undefined) {
			child.kill("SIGTERM");
			const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
			await this.#ended;
			clearTimeout(timer);
		}
		await this.#loop;
	}

	async #spawn(): Promise<void> {
		const { args, env } = await this.#spec.arguments();
		const log = openSync(this.#spec.logFile, "a", LOG_MODE);
		try {
			// A session of its own: the terminal's Ctrl-C reaches the supervisor alone, which stops everything in order.
			const child = spawn(this.#spec.command, args, { cwd: this.#spec.cwd, env: { ...process.env, ...env }, stdio: ["ignore", log, log], detached: true });
			this.#child = child;
			this.#ended = new Promise((resolve) => {
				const finish = (outcome: string): void => {
					this.#child = undefined;
					this.#spec.onChange(undefined);
					resolve(outcome);
				};
				child.once("error", (error) => finish(error.message));
				child.once("exit", (code, signal) => finish(signal === null ? `exit code ${code}` : `signal ${signal}`));
			});
			if (child.pid !== undefined) this.#spec.onChange(identify(child.pid));
		} finally {
			closeSync(log);
		}
	}

	async #keepRunning(): Promise<void> {
		let pauseMs = FIRST_PAUSE_MS;
		while (!this.#stopping) {
			const startMs = performance.now();
			const outcome = await this.#ended;
			if (this.#stopping) return;
			if (performance.now() - startMs > RECOVERED_AFTER_MS) pauseMs = FIRST_PAUSE_MS;
			this.#spec.onCrash(outcome, pauseMs);
			await this.#pause(pauseMs);
			pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
			if (!this.#stopping) await this.#spawn();
		}
	}

	#pause(ms: number): Promise<void> {
		return new Promise((resolve) => {
			const timer = setTimeout(resolve, ms);
			this.#wake = () => {
				clearTimeout(timer);
				resolve();
			};
		});
	}
}
