/** One container of the process runtime: what is known of it on disk, and the shim that stands over its processes. */
import { EventEmitter } from "node:events";
import { type FSWatcher, watch } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ContainerStateInfo, type ContainerUsage, RuntimeError } from "../runtime.ts";
import { resolveProgram } from "./container-root.ts";
import { readJson, writeJson } from "./files.ts";
import { LogWriter } from "./log-writer.ts";
import { CONTAINER_ID_VARIABLE, isAlive, processesOf, SHIM_ID_VARIABLE, signal, startTimeOf, usageOf } from "./process-table.ts";
import { makeFifo, startShim } from "./shim.ts";

/** How long the shim may take to start the first process, in milliseconds. */
const START_TIMEOUT_MS = 10_000;
/** How long to wait for the shim to say that the output is complete, in milliseconds: what left the session may hold it open. */
const DRAIN_TIMEOUT_MS = 1000;
/** How long a killed process may take to be gone, in milliseconds. */
const KILL_TIMEOUT_MS = 10_000;
const EXIT_CODE_START_ERROR = 128;
const EXIT_CODE_UNKNOWN = 255;
const REAP_INTERVAL_MS = 25;
const REAP_INTERVAL_MAX_MS = 400;

async function raceAgainst(event: Promise<void>, timeoutMs: number): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const timeout = new Promise<void>((resolve) => {
		timer = setTimeout(resolve, timeoutMs);
	});
	await Promise.race([event, timeout]).finally(() => clearTimeout(timer));
}

export interface ContainerRecord {
	id: string;
	sandboxId: string;
	podUid: string;
	name: string;
	attempt: number;
	image: string;
	imageId: string;
	createdAtMs: number;
	specHash: string;
	logPath: string;
	tty: boolean;
	stdin: boolean;
	stdinOnce: boolean;
	stopSignal: NodeJS.Signals;
	/** The program and its arguments as the image and the pod say, not yet looked up. */
	command: string[];
	env: Record<string, string>;
	searchPath: string[];
	rootPath: string;
	workingDirectory: string;
	shim?: { pid: number; startTime: string };
	/** How it ended. */
	end?: { exitCode: number; startedAtMs: number; finishedAtMs: number; reason: string; message: string };
}

interface FirstProcess {
	pid: number;
	startTime: string;
	startedAtMs: number;
}

export class ContainerProcess extends EventEmitter<{ started: []; ended: [] }> {
	readonly record: ContainerRecord;
	readonly log: LogWriter;
	#directory: string;
	#watcher: FSWatcher | undefined;
	#checking: Promise<void> | undefined;
	#again = false;
	#first: FirstProcess | undefined;

	constructor(directory: string, record: ContainerRecord) {
		super();
		this.setMaxListeners(0);
		this.record = record;
		this.#directory = directory;
		this.log = new LogWriter(directory, record.logPath);
		this.log.setMaxListeners(0);
	}

	static async load(directory: string): Promise<ContainerProcess | undefined> {
		const record = await readJson<ContainerRecord>(join(directory, "container.json"));
		return record === undefined ? undefined : new ContainerProcess(directory, record);
	}

	get stdinPath(): string {
		return join(this.#directory, "stdin");
	}

	get running(): boolean {
		return this.record.shim !== undefined && this.record.end === undefined;
	}

	async save(): Promise<void> {
		await writeJson(join(this.#directory, "container.json"), this.record);
	}

	state(): ContainerStateInfo {
		const { record } = this;
		const known = { id: record.id, sandboxId: record.sandboxId, podUid: record.podUid, name: record.name, attempt: record.attempt };
		const made = { image: record.image, imageId: record.imageId, createdAtMs: record.createdAtMs, specHash: record.specHash, logPath: record.logPath };
		if (record.end !== undefined) return { ...known, ...made, state: "exited", ...record.end };
		const startedAtMs = this.#first?.startedAtMs ?? 0;
		const state = record.shim === undefined ? "created" : "running";
		return { ...known, ...made, state, startedAtMs, finishedAtMs: 0, exitCode: 0, reason: "", message: "" };
	}

	async #fail(error: unknown): Promise<RuntimeError> {
		const message = (error as Error).message;
		const now = Date.now();
		this.record.end = { exitCode: EXIT_CODE_START_ERROR, startedAtMs: 0, finishedAtMs: now, reason: "StartError", message };
		await this.save();
		this.emit("ended");
		return error instanceof RuntimeError ? error : new RuntimeError("RunContainerError", message, { cause: error });
	}

	/** What its processes have used and use; undefined when it does not run. */
	async usage(): Promise<ContainerUsage | undefined> {
		if (!this.running || this.#first === undefined) return undefined;
		const pids = await processesOf(`${CONTAINER_ID_VARIABLE}=${this.record.id}`, this.#first.pid);
		const usages = (await Promise.all(pids.map(usageOf))).filter((usage) => usage !== undefined);
		const sum = (key: "cpuNanos" | "residentBytes"): number => usages.reduce((total, usage) => total + usage[key], 0);
		return { id: this.record.id, atMs: Date.now(), cpuNanos: sum("cpuNanos"), memoryBytes: sum("residentBytes") };
	}

	async start(): Promise<void> {
		const { record } = this;
		if (record.shim !== undefined) return;
		try {
			const [name = "", ...args] = record.command;
			const program = await resolveProgram(name, record.rootPath, record.workingDirectory, record.searchPath);
			if (record.stdin) await makeFifo(this.stdinPath);
			const spec = { program, args, env: record.env, directory: record.workingDirectory, tty: record.tty };
			const { pid = 0 } = await startShim(this.#directory, record.id, spec);
			record.shim = { pid, startTime: await startTimeOf(pid) };
			await this.save();
		} catch (error) {
			throw await this.#fail(error);
		}
		this.adopt();
		await this.#untilStarted();
	}

	async #untilStarted(): Promise<void> {
		const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
		await this.check();
		while (this.#first === undefined && this.record.end === undefined) {
			if (deadline.aborted) throw await this.#fail(new Error("the shell that stands over the container did not start it in time"));
			await new Promise((done) => setTimeout(done, REAP_INTERVAL_MS));
			await this.check();
		}
	}

	/** Follows a container that runs: one just started, or one that ran before this agent did. */
	adopt(): void {
		if (!this.running || this.#watcher !== undefined) return;
		this.#watcher = watch(this.#directory, { persistent: false }, () => void this.check().catch(() => undefined));
		this.#watcher.on("error", () => undefined);
	}

	/** Takes in new output and notices the end. Calls while one runs are joined into one more. */
	check(): Promise<void> {
		if (!this.running) return Promise.resolve();
		if (this.#checking !== undefined) {
			this.#again = true;
			return this.#checking;
		}
		this.#checking = this.#checkUntilQuiet().finally(() => {
			this.#checking = undefined;
		});
		return this.#checking;
	}

	async #checkUntilQuiet(): Promise<void> {
		do {
			this.#again = false;
			await this.#readFirst();
			await this.log.drain(false);
			const exit = await stat(join(this.#directory, "exit")).catch(() => undefined);
			if (exit !== undefined) await this.#finish(await this.#exitCode(), exit.mtimeMs);
			else if (!(await this.#somethingLives())) await this.#finishUnknown();
		} while (this.#again && this.running);
	}

	async #readFirst(): Promise<void> {
		if (this.#first !== undefined) return;
		const path = join(this.#directory, "pid");
		const text = await readFile(path, "utf8").catch(() => "");
		const [pid = "", startTime = ""] = text.trim().split(" ");
		if (pid === "") return;
		this.#first = { pid: Number(pid), startTime, startedAtMs: (await stat(path)).mtimeMs };
		this.emit("started");
	}

	async #exitCode(): Promise<number> {
		return Number((await readFile(join(this.#directory, "exit"), "utf8")).trim());
	}

	async #somethingLives(): Promise<boolean> {
		const { shim } = this.record;
		if (shim !== undefined && (await isAlive(shim.pid, shim.startTime))) return true;
		return this.#first !== undefined && (await isAlive(this.#first.pid, this.#first.startTime));
	}

	/** The shim is gone and left no exit code: the machine was restarted, or someone killed the shim. */
	async #finishUnknown(): Promise<void> {
		const exit = await stat(join(this.#directory, "exit")).catch(() => undefined);
		if (exit !== undefined) return this.#finish(await this.#exitCode(), exit.mtimeMs);
		await this.#end(EXIT_CODE_UNKNOWN, Date.now(), "Unknown", "");
	}

	async #finish(exitCode: number, finishedAtMs: number): Promise<void> {
		await this.#kill(processesOf(`${CONTAINER_ID_VARIABLE}=${this.record.id}`, this.#first?.pid ?? 0));
		const deadline = finishedAtMs + DRAIN_TIMEOUT_MS;
		while (Date.now() < deadline && (await stat(join(this.#directory, "drained")).catch(() => undefined)) === undefined) {
			await new Promise((done) => setTimeout(done, REAP_INTERVAL_MS));
		}
		await this.#end(exitCode, finishedAtMs, exitCode === 0 ? "Completed" : "Error", "");
	}

	async #end(exitCode: number, finishedAtMs: number, reason: string, message: string): Promise<void> {
		await this.log.drain(true);
		const startedAtMs = this.#first?.startedAtMs ?? this.record.createdAtMs;
		this.record.end = { exitCode, startedAtMs, finishedAtMs, reason, message };
		await this.save();
		this.#unfollow();
		await this.log.close();
		this.emit("ended");
	}

	#unfollow(): void {
		this.#watcher?.close();
		this.#watcher = undefined;
	}

	async #kill(pids: Promise<number[]>): Promise<void> {
		for (const pid of await pids) signal(pid, "SIGKILL");
	}

	/** Resolves to whether it ended within the time. It looks as well as listens: a watch on a directory may miss something. */
	async #ended(timeoutMs: number): Promise<boolean> {
		const deadline = Date.now() + timeoutMs;
		const ended = new Promise<void>((resolve) => this.once("ended", resolve));
		for (let waitMs = REAP_INTERVAL_MS; ; waitMs = Math.min(2 * waitMs, REAP_INTERVAL_MAX_MS)) {
			await this.check();
			if (!this.running) return true;
			const leftMs = deadline - Date.now();
			if (leftMs <= 0) return false;
			await raceAgainst(ended, Math.min(waitMs, leftMs));
		}
	}

	async stop(timeoutMs: number, stopSignal = this.record.stopSignal): Promise<void> {
		await this.check();
		if (!this.running) return;
		if (timeoutMs > 0 && this.#first !== undefined) {
			signal(-this.#first.pid, stopSignal);
			if (await this.#ended(timeoutMs)) return;
		}
		await this.#kill(processesOf(`${CONTAINER_ID_VARIABLE}=${this.record.id}`, this.#first?.pid ?? 0));
		if (!(await this.#ended(KILL_TIMEOUT_MS))) throw new RuntimeError("Unavailable", `the processes of container ${this.record.name} cannot be killed`);
	}

	/** Ends the container's standard input: nothing holds the FIFO open any longer. */
	async closeStdin(): Promise<void> {
		const pid = Number(await readFile(join(this.#directory, "stdin-holder"), "utf8").catch(() => "0"));
		if (pid > 0) signal(pid, "SIGTERM");
	}

	/** Stops following without touching the processes: the agent is leaving. */
	async release(): Promise<void> {
		this.#unfollow();
		await this.#checking;
		await this.log.close();
	}

	async remove(): Promise<void> {
		await this.stop(0);
		this.#unfollow();
		await this.log.close();
		await this.#kill(processesOf(`${SHIM_ID_VARIABLE}=${this.record.id}`, 0));
		await rm(this.#directory, { recursive: true, force: true });
	}
}
