/**
 * Exec through containerd's Tasks service over FIFOs: unlike CRI's WebSocket it can close standard input and go on
 * reading output, which `kubectl exec -i` and `cp` need.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import type { Message } from "../../../core/codec/message.ts";
import { type ExecOptions, RuntimeError } from "../runtime.ts";
import type { GrpcClient } from "./grpc-client.ts";
import { NATIVE } from "./native-messages.ts";

const run = promisify(execFile);
const CALL_TIMEOUT_MS = 30_000;
/** How long output may still come when a command has ended but left processes behind that hold its streams, in milliseconds. */
const DRAIN_TIMEOUT_MS = 2000;
const SIGKILL = 9;
const PROCESS_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Process";

interface OciProcess {
	args: string[];
	terminal?: boolean;
	env?: string[];
}

/** The container's own process with other arguments: same user, directory, environment, capabilities. */
async function processSpec(client: GrpcClient, containerId: string, options: ExecOptions): Promise<Message> {
	const { container } = await client.call(NATIVE.getContainer, { id: containerId }, CALL_TIMEOUT_MS);
	const bytes = ((container as Message).spec as Message).value as Uint8Array;
	const { process } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { process: OciProcess };
	const env = options.tty ? ["TERM=xterm", ...(process.env ?? [])] : process.env;
	const spec = { ...process, args: options.command, terminal: options.tty, env };
	return { typeUrl: PROCESS_TYPE, value: Buffer.from(JSON.stringify(spec)) };
}

/** The FIFOs of one command. Reading must begin when containerd has opened the other ends, or it would find the end at once. */
class ExecPipes {
	readonly paths: { stdin: string; stdout: string; stderr: string };
	#fds: number[] = [];
	#used: string[];

	constructor(directory: string, execId: string, options: ExecOptions) {
		const path = (name: string): string => join(directory, `${execId}-${name}`);
		const stderr = options.tty ? "" : path("stderr");
		this.paths = { stdin: options.stdin === undefined ? "" : path("stdin"), stdout: path("stdout"), stderr };
		this.#used = Object.values(this.paths).filter((one) => one !== "");
	}

	async make(): Promise<void> {
		await run("mkfifo", ["-m", "600", ...this.#used]);
	}

	/** A descriptor that does not block: readers before there is a writer, the writer (read-write) before there is a reader. */
	open(path: string, flags: number): number {
		const fd = openSync(path, flags | constants.O_NONBLOCK);
		this.#fds.push(fd);
		return fd;
	}

	/** Hands a descriptor over to a socket, which closes it. */
	socket(fd: number, writable: boolean): Socket {
		this.#fds.splice(this.#fds.indexOf(fd), 1);
		return new Socket({ fd, readable: !writable, writable });
	}

	async remove(): Promise<void> {
		for (const fd of this.#fds) closeSync(fd);
		this.#fds = [];
		await Promise.all(this.#used.map((path) => rm(path, { force: true })));
	}
}

/** Copies to a target that stays open; resolves at the source's end with all written. */
async function copy(source: Socket, target: Writable | undefined): Promise<void> {
	source.on("error", () => undefined);
	const ended = once(source, "close");
	if (target === undefined || target.destroyed) source.resume();
	else {
		source.pipe(target, { end: false });
		target.once("close", () => source.resume());
	}
	await ended;
	if (target !== undefined && !target.destroyed && target.writableLength > 0) {
		await Promise.race([once(target, "drain"), once(target, "close")]).catch(() => undefined);
	}
}

class Execution {
	#client: GrpcClient;
	#ids: { containerId: string; execId: string };
	#options: ExecOptions;
	#pipes: ExecPipes;
	#stdin: Socket | undefined;

	constructor(client: GrpcClient, containerId: string, directory: string, options: ExecOptions) {
		const execId = `petrel-${randomBytes(8).toString("hex")}`;
		this.#client = client;
		this.#ids = { containerId, execId };
		this.#options = options;
		this.#pipes = new ExecPipes(directory, execId, options);
	}

	kill(): void {
		this.#client.call(NATIVE.kill, { ...this.#ids, signal: SIGKILL }, CALL_TIMEOUT_MS).catch(() => undefined);
	}

	#feed(stdin: Readable, fd: number): void {
		const socket = this.#pipes.socket(fd, true);
		this.#stdin = socket;
		socket.on("error", () => socket.destroy());
		stdin.pipe(socket, { end: false });
		const finish = (): void => {
			socket.write("", () => socket.destroy());
		};
		if (stdin.readableEnded) finish();
		else stdin.once("end", finish).once("close", finish);
		socket.once("close", () => {
			this.#client.call(NATIVE.closeIO, { ...this.#ids, stdin: true }, CALL_TIMEOUT_MS).catch(() => undefined);
		});
	}

	async #follow(sizes: ExecOptions["resize"]): Promise<void> {
		if (sizes === undefined) return;
		for await (const { width, height } of sizes) await this.#client.call(NATIVE.resizePty, { ...this.#ids, width, height }, CALL_TIMEOUT_MS);
	}

	#wait(signal: AbortSignal): Promise<number> {
		let status: number | undefined;
		const take = (message: Message): void => {
			status = Number(message.exitStatus ?? 0);
		};
		return this.#client.follow(NATIVE.wait, this.#ids, take, signal).then(() => {
			if (status === undefined) throw new RuntimeError("Unavailable", "containerd went away while the command ran");
			return status;
		});
	}

	async #start(): Promise<void> {
		const { paths } = this.#pipes;
		const spec = await processSpec(this.#client, this.#ids.containerId, this.#options);
		await this.#client.call(NATIVE.exec, { ...this.#ids, ...paths, terminal: this.#options.tty, spec }, CALL_TIMEOUT_MS);
		try {
			await this.#client.call(NATIVE.start, this.#ids, CALL_TIMEOUT_MS);
		} catch (error) {
			await this.#delete();
			throw new RuntimeError("StartError", (error as Error).message, { cause: error });
		}
	}

	async #delete(): Promise<void> {
		await this.#client.call(NATIVE.deleteProcess, this.#ids, CALL_TIMEOUT_MS).catch(() => undefined);
	}

	async run(started: () => void): Promise<number> {
		const { stdin, stdout, stderr, resize } = this.#options;
		const { paths } = this.#pipes;
		const waiting = new AbortController();
		try {
			await this.#pipes.make();
			const stdinFd = stdin === undefined ? undefined : this.#pipes.open(paths.stdin, constants.O_RDWR);
			const stdoutFd = this.#pipes.open(paths.stdout, constants.O_RDONLY);
			const stderrFd = paths.stderr === "" ? undefined : this.#pipes.open(paths.stderr, constants.O_RDONLY);
			await this.#start();
			started();
			const sockets = [this.#pipes.socket(stdoutFd, false), ...(stderrFd === undefined ? [] : [this.#pipes.socket(stderrFd, false)])];
			const copies = Promise.all(sockets.map((socket, i) => copy(socket, i === 0 ? stdout : stderr)));
			if (stdin !== undefined && stdinFd !== undefined) this.#feed(stdin, stdinFd);
			void this.#follow(resize).catch(() => undefined);
			const code = await this.#wait(waiting.signal);
			await Promise.race([copies, new Promise((done) => setTimeout(done, DRAIN_TIMEOUT_MS).unref())]);
			for (const socket of sockets) socket.destroy();
			await this.#delete();
			return code;
		} finally {
			waiting.abort();
			if (this.#stdin !== undefined) {
				stdin?.unpipe(this.#stdin);
				this.#stdin.destroy();
			}
			await this.#pipes.remove();
		}
	}
}

/** Resolves to the exit code once all output is handed on. */
export async function execInContainer(client: GrpcClient, containerId: string, directory: string, options: ExecOptions): Promise<number> {
	options.signal?.throwIfAborted();
	const execution = new Execution(client, containerId, directory, options);
	const kill = (): void => execution.kill();
	let timedOut = false;
	let timer: NodeJS.Timeout | undefined;
	const expire = (): void => {
		timedOut = true;
		kill();
	};
	try {
		const code = await execution.run(() => {
			if (options.timeoutMs !== undefined) timer = setTimeout(expire, options.timeoutMs);
			options.signal?.addEventListener("abort", kill);
			if (options.signal?.aborted === true) kill();
		});
		options.signal?.throwIfAborted();
		if (timedOut) throw new RuntimeError("Unavailable", `command ${JSON.stringify(options.command.join(" "))} timed out after ${options.timeoutMs}ms`);
		return code;
	} finally {
		clearTimeout(timer);
		options.signal?.removeEventListener("abort", kill);
	}
}
