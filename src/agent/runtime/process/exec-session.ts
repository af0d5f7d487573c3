/** Commands run beside a container's processes (exec) and connections to its own streams (attach). */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { constants, openSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { type ExecOptions, RuntimeError } from "../runtime.ts";
import type { ContainerProcess } from "./container-process.ts";
import { resolveProgram } from "./container-root.ts";
import type { OutputStream } from "./log-writer.ts";
import { signal } from "./process-table.ts";
import { hostEnvironment, launchScript, shellQuote } from "./shim.ts";

const run = promisify(execFile);
/** How long output may still come when a command has ended but left processes behind that hold its streams, in milliseconds. */
const DRAIN_TIMEOUT_MS = 2000;
const TERMINAL_TIMEOUT_MS = 2000;
const TERMINAL_POLL_MS = 20;
const SIGNAL_BASE = 128;
const SIGNAL_NUMBERS: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 };

async function requireScript(): Promise<void> {
	const { stdout } = await run("script", ["--version"], { env: hostEnvironment() }).catch(() => ({ stdout: "" }));
	if (!stdout.includes("util-linux")) {
		throw new RuntimeError("StartError", "a terminal needs the program `script` of util-linux, which this machine has not: run the command without -t");
	}
}

/** A started command and what has to be tidied up after it. */
interface Started {
	child: ChildProcess;
	resize(size: { width: number; height: number }): Promise<void>;
	tidy(): Promise<void>;
}

async function startPlain(container: ContainerProcess, command: string[]): Promise<Started> {
	const { rootPath, workingDirectory, searchPath, env } = container.record;
	const [name = "", ...args] = command;
	const program = await resolveProgram(name, rootPath, workingDirectory, searchPath);
	const child = spawn(program, args, { cwd: workingDirectory, env, detached: true, stdio: "pipe" });
	return { child, resize: async () => undefined, tidy: async () => undefined };
}

/** What the command's shell wrote down; it may not have come to it yet. */
async function terminalName(path: string, child: ChildProcess): Promise<string> {
	const deadline = Date.now() + TERMINAL_TIMEOUT_MS;
	for (;;) {
		const name = (await readFile(path, "utf8").catch(() => "")).trim();
		if (name !== "" || child.exitCode !== null || Date.now() > deadline) return name;
		await new Promise((done) => setTimeout(done, TERMINAL_POLL_MS));
	}
}

async function startTerminal(container: ContainerProcess, command: string[], directory: string): Promise<Started> {
	await requireScript();
	const { rootPath, workingDirectory, searchPath, env } = container.record;
	const [name = "", ...args] = command;
	const program = await resolveProgram(name, rootPath, workingDirectory, searchPath);
	const base = join(directory, `exec-${randomBytes(6).toString("hex")}`);
	const launch = launchScript({ program, args, env: { TERM: "xterm", ...env }, directory: workingDirectory, tty: true });
	await writeFile(base, `tty >${shellQuote(`${base}-tty`)}\n${launch}`, { mode: 0o700 });
	const child = spawn("script", ["-qefc", `exec sh ${shellQuote(base)}`, "/dev/null"], { env: hostEnvironment(), cwd: "/", detached: true, stdio: "pipe" });
	return {
		child,
		async resize({ width, height }) {
			const terminal = await terminalName(`${base}-tty`, child);
			if (!terminal.startsWith("/dev/")) return;
			await run("stty", ["-F", terminal, "rows", String(height), "cols", String(width)], { env: hostEnvironment() }).catch(() => undefined);
		},
		async tidy() {
			await Promise.all([rm(base, { force: true }), rm(`${base}-tty`, { force: true })]);
		},
	};
}

async function followSizes(sizes: ExecOptions["resize"], started: Started): Promise<void> {
	if (sizes === undefined) return;
	for await (const size of sizes) {
		if (started.child.exitCode !== null) return;
		await started.resize(size);
	}
}

/** Copies until the end; the target stays open, as it is the caller's. A target that is gone only stops the copying. */
function copy(source: Readable | null, target: Writable | undefined): void {
	if (source === null) return;
	if (target === undefined) source.resume();
	else {
		source.pipe(target, { end: false });
		target.once("close", () => source.resume());
	}
}

function feed(stdin: Readable | undefined, child: ChildProcess): void {
	if (child.stdin === null) return;
	child.stdin.on("error", () => undefined);
	if (stdin === undefined) child.stdin.end();
	else stdin.pipe(child.stdin);
}

async function flushed(target: Writable | undefined): Promise<void> {
	if (target === undefined || target.writableLength === 0 || target.destroyed) return;
	await Promise.race([once(target, "drain"), once(target, "close")]).catch(() => undefined);
}

async function exitOf(child: ChildProcess): Promise<number> {
	const closed = once(child, "close");
	const [code, name] = (await once(child, "exit")) as [number | null, string | null];
	await Promise.race([closed, new Promise((done) => setTimeout(done, DRAIN_TIMEOUT_MS).unref())]);
	return code ?? SIGNAL_BASE + (SIGNAL_NUMBERS[name ?? ""] ?? 0);
}

/** Runs a command in the container's directory and environment; resolves to its exit code once all output is handed on. */
export async function execIn(container: ContainerProcess, directory: string, options: ExecOptions): Promise<number> {
	options.signal?.throwIfAborted();
	const started = options.tty ? await startTerminal(container, options.command, directory) : await startPlain(container, options.command);
	const { child } = started;
	const kill = (): void => signal(-(child.pid ?? 0), "SIGKILL");
	let timedOut = false;
	const expire = (): void => {
		timedOut = true;
		kill();
	};
	const timer = options.timeoutMs === undefined ? undefined : setTimeout(expire, options.timeoutMs);
	try {
		await once(child, "spawn");
		options.signal?.addEventListener("abort", kill);
		if (options.signal?.aborted === true) kill();
		copy(child.stdout, options.stdout);
		copy(child.stderr, options.stderr);
		feed(options.stdin, child);
		void followSizes(options.resize, started).catch(() => undefined);
		const code = await exitOf(child);
		options.signal?.throwIfAborted();
		if (timedOut) throw new RuntimeError("Unavailable", `command ${JSON.stringify(options.command.join(" "))} timed out after ${options.timeoutMs}ms`);
		await Promise.all([flushed(options.stdout), flushed(options.stderr)]);
		return code;
	} finally {
		clearTimeout(timer);
		options.signal?.removeEventListener("abort", kill);
		if (child.stdin !== null) options.stdin?.unpipe(child.stdin);
		await started.tidy();
	}
}

/** The write end of a FIFO as a stream that does not block a thread; there is always a reader while the container runs. */
function openFifo(path: string): Socket {
	return new Socket({ fd: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), readable: false, writable: true });
}

function feedFifo(container: ContainerProcess, stdin: Readable): Socket {
	const fifo = openFifo(container.stdinPath);
	fifo.on("error", () => stdin.unpipe(fifo));
	stdin.pipe(fifo);
	if (container.record.stdinOnce) fifo.once("close", () => void container.closeStdin());
	return fifo;
}

/** Shows the container's output from now on, until it ends or the caller leaves. */
export async function attachTo(container: ContainerProcess, options: Omit<ExecOptions, "command" | "timeoutMs">): Promise<void> {
	options.signal?.throwIfAborted();
	const targets: Record<OutputStream, Writable | undefined> = { stdout: options.stdout, stderr: options.stderr };
	const show = (stream: OutputStream, data: Buffer): void => void targets[stream]?.write(data);
	container.log.on("data", show);
	const fifo = options.stdin !== undefined && container.record.stdin && container.running ? feedFifo(container, options.stdin) : undefined;
	try {
		if (container.running) await once(container, "ended", options.signal === undefined ? {} : { signal: options.signal });
		await Promise.all([flushed(options.stdout), flushed(options.stderr)]);
	} finally {
		container.log.off("data", show);
		if (fifo !== undefined) {
			options.stdin?.unpipe(fifo);
			fifo.destroy();
		}
	}
}
