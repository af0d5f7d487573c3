/**
 * Turns a container's raw output into its log in CRI's format (`<rfc3339nano> <stream> <P|F> <line>`) and hands it to
 * whoever is attached. Where it got to is kept beside the output, with the log's length at that point: a writer that
 * starts after a crash cuts the log back to it, so no line is lost and none is written twice.
 */
import { EventEmitter } from "node:events";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readJson, writeJson } from "./files.ts";
import { OUTPUT_PART_BYTES } from "./shim.ts";

const READ_BYTES = 64 * 1024;
/** A longer line is split into partial ones, as containerd does (max_container_log_line_size), in bytes. */
const LINE_BYTES_MAX = 16 * 1024;
const NEWLINE = 10;

export type OutputStream = "stdout" | "stderr";
const PREFIXES: Record<OutputStream, string> = { stdout: "out.", stderr: "err." };

interface StreamPosition {
	/** Name of the part being read; empty before the first. */
	part: string;
	offset: number;
}

interface Position {
	stdout: StreamPosition;
	stderr: StreamPosition;
	logBytes: number;
	logInode: number;
}

/** Node's clock shows milliseconds; the rest comes from the monotonic one so that order shows. */
function timestamp(): string {
	const now = performance.timeOrigin + performance.now();
	const whole = Math.floor(now);
	const fraction = String(Math.floor((now - whole) * 1e6)).padStart(6, "0");
	return `${new Date(whole).toISOString().slice(0, -1)}${fraction}Z`;
}

/** The log lines that `data` makes, and how many of its bytes they used up. */
function formatLines(data: Buffer, stream: OutputStream, final: boolean): { lines: Buffer[]; used: number } {
	const lines: Buffer[] = [];
	const time = timestamp();
	let used = 0;
	while (used < data.length) {
		const newline = data.indexOf(NEWLINE, used);
		const end = newline < 0 ? data.length : newline;
		const partial = end - used > LINE_BYTES_MAX;
		if (newline < 0 && !partial && !final) break;
		const stop = partial ? used + LINE_BYTES_MAX : end;
		lines.push(Buffer.from(`${time} ${stream} ${partial || newline < 0 ? "P" : "F"} `), data.subarray(used, stop), Buffer.from("\n"));
		used = partial ? stop : stop + 1;
	}
	return { lines, used: Math.min(used, data.length) };
}

export class LogWriter extends EventEmitter<{ data: [OutputStream, Buffer] }> {
	#directory: string;
	#logPath: string;
	#position: Position | undefined;
	#log: FileHandle | undefined;
	#running: Promise<void> = Promise.resolve();
	/** How far those attached have been shown each stream, as a count of bytes past the written position. */
	#shown: Record<OutputStream, number> = { stdout: 0, stderr: 0 };

	constructor(directory: string, logPath: string) {
		super();
		this.#directory = directory;
		this.#logPath = logPath;
	}

	async #open(): Promise<void> {
		await mkdir(dirname(this.#logPath), { recursive: true });
		this.#log = await open(this.#logPath, "a", 0o640);
		const { ino, size } = await this.#log.stat();
		const saved = await readJson<Position>(join(this.#directory, "log-position.json"));
		const start = (): StreamPosition => ({ part: "", offset: 0 });
		this.#position = saved ?? { stdout: start(), stderr: start(), logBytes: size, logInode: ino };
		if (this.#position.logInode === ino && size > this.#position.logBytes) await this.#log.truncate(this.#position.logBytes);
	}

	/** After a rotation of the log, the next line goes to the new file. */
	async #current(): Promise<FileHandle> {
		const there = await stat(this.#logPath).catch(() => undefined);
		const mine = await this.#log?.stat();
		if (this.#log !== undefined && there !== undefined && there.ino === mine?.ino) return this.#log;
		await this.#log?.close();
		await mkdir(dirname(this.#logPath), { recursive: true });
		this.#log = await open(this.#logPath, "a", 0o640);
		return this.#log;
	}

	async #append(lines: Buffer[]): Promise<void> {
		const log = await this.#current();
		await log.appendFile(Buffer.concat(lines));
		const { size, ino } = await log.stat();
		if (this.#position !== undefined) Object.assign(this.#position, { logBytes: size, logInode: ino });
		await writeJson(join(this.#directory, "log-position.json"), this.#position);
	}

	async #readPart(at: StreamPosition): Promise<Buffer> {
		const file = await open(join(this.#directory, at.part), "r").catch(() => undefined);
		if (file === undefined) return Buffer.alloc(0);
		const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, at.offset).finally(() => file.close());
		return buffer.subarray(0, bytesRead);
	}

	#show(stream: OutputStream, data: Buffer, used: number): void {
		const fresh = data.subarray(this.#shown[stream]);
		if (fresh.length > 0) this.emit("data", stream, fresh);
		this.#shown[stream] = data.length - used;
	}

	/** True when something was taken in. */
	async #step(stream: OutputStream, parts: string[], final: boolean, at: StreamPosition): Promise<boolean> {
		if (at.part === "") at.part = parts[0] ?? "";
		if (at.part === "") return false;
		const next = parts.find((part) => part > at.part);
		const data = await this.#readPart(at);
		const atPartEnd = at.offset + data.length >= OUTPUT_PART_BYTES && next !== undefined;
		const { lines, used } = formatLines(data, stream, atPartEnd || (final && data.length < READ_BYTES));
		this.#show(stream, data, used);
		at.offset += used;
		if (lines.length > 0) await this.#append(lines);
		if (atPartEnd && used === data.length) {
			await rm(join(this.#directory, at.part), { force: true });
			Object.assign(at, { part: next, offset: 0 });
			return true;
		}
		return used > 0;
	}

	async #drain(final: boolean): Promise<void> {
		if (this.#position === undefined) await this.#open();
		const position = this.#position;
		if (position === undefined) return;
		for (let progress = true; progress; ) {
			const names = (await readdir(this.#directory).catch(() => [])).sort();
			progress = false;
			for (const stream of ["stdout", "stderr"] as const) {
				const parts = names.filter((name) => /^(?:out|err)\.[a-z]{6}$/.test(name) && name.startsWith(PREFIXES[stream]));
				if (await this.#step(stream, parts, final, position[stream])) progress = true;
			}
		}
	}

	/** Takes in all output that is there; `final` also a last line without its newline. Calls queue up. */
	drain(final: boolean): Promise<void> {
		const run = this.#running.then(() => this.#drain(final));
		this.#running = run.catch(() => undefined);
		return run;
	}

	/** After a rotation: the new file is there even before the next line. */
	reopen(): Promise<void> {
		const run = this.#running.then(async () => void (await this.#current()));
		this.#running = run.catch(() => undefined);
		return run;
	}

	async close(): Promise<void> {
		await this.#running;
		await this.#log?.close();
		this.#log = undefined;
		this.#position = undefined;
	}
}
