/** `kubectl logs`: reads a container's CRI log file, from its end or all of it, and follows it while the container runs. */
import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { SessionRequest } from "../../core/protocol/agent-protocol.ts";
import type { Pod } from "../../core/schema/kubernetes.d.ts";
import { isMissing } from "../atomic-file.ts";
import type { Clock } from "../clock.ts";
import { latestContainer } from "../pod-lifecycle.ts";
import type { ContainerStateInfo } from "../runtime/runtime.ts";
import { parseCriLine } from "./cri-log.ts";
import { SessionRefusal } from "./session-refusal.ts";
import type { SessionSocket } from "./session-socket.ts";

export type LogRequest = Extract<SessionRequest, { kind: "log" }>;

const CHUNK_BYTES = 64 * 1024;
/** A change that the file system did not announce is found within this time. */
const FOLLOW_POLL_MS = 500;

/** The log file of the container's present run, or with `previous` of the one before. Throws SessionRefusal in kubelet's words. */
export function chooseLog(pod: Pod, name: string, previous: boolean, containers: readonly ContainerStateInfo[]): { path: string; containerId: string } {
	const latest = latestContainer(containers, name);
	const podName = pod.metadata.name;
	const wanted = previous ? previousRun(containers, name, latest) : latest;
	if (!wanted || wanted.state === "created") {
		if (previous)
			throw new SessionRefusal(400, "BadRequest", `previous terminated container ${JSON.stringify(name)} in pod ${JSON.stringify(podName)} not found`);
		const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
		const status = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find((s) => s.name === name);
		const reason = status?.state?.waiting?.reason ?? "ContainerCreating";
		throw new SessionRefusal(400, "BadRequest", `container ${JSON.stringify(name)} in pod ${JSON.stringify(podName)} is waiting to start: ${reason}`);
	}
	return { path: wanted.logPath, containerId: wanted.id };
}

/** The last run that ended, the present one left out. */
function previousRun(containers: readonly ContainerStateInfo[], name: string, latest: ContainerStateInfo | undefined): ContainerStateInfo | undefined {
	return latestContainer(
		containers.filter((c) => c !== latest && c.state === "exited"),
		name,
	);
}

export async function serveLog(socket: SessionSocket, path: string, request: LogRequest, stillRuns: () => Promise<boolean>, clock: Clock): Promise<void> {
	const printer = new LogPrinter(request, clock.nowMs(), (bytes) => socket.send(bytes));
	let file = await openIfPresent(path);
	if (!file && !request.follow) return;
	const changes = new FileChanges(path, socket.signal);
	try {
		let offset = file && request.tailLines !== undefined ? await tailOffset(file, request.tailLines) : 0;
		while (!printer.full && !socket.signal.aborted) {
			// Asked before reading: what was written before the container's end is then surely read.
			const runs = request.follow && (await stillRuns());
			if (file) offset = await readFrom(file, offset, printer, socket.signal);
			if (!request.follow || printer.full) break;
			const successor = await openSuccessor(path, file, offset);
			if (successor) {
				// The last lines before the rotation may have come since.
				if (file) await readFrom(file, offset, printer, socket.signal);
				await file?.close();
				file = successor;
				offset = 0;
				continue;
			}
			if (!runs) break;
			await changes.next();
		}
		await printer.end();
	} finally {
		changes.close();
		await file?.close();
	}
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
	try {
		return await open(path, "r");
	} catch (error) {
		if (isMissing(error)) return undefined;
		throw error;
	}
}

/** Reads to the present end; returns the new offset. */
async function readFrom(file: FileHandle, offset: number, printer: LogPrinter, signal: AbortSignal): Promise<number> {
	const buffer = Buffer.alloc(CHUNK_BYTES);
	let at = offset;
	while (!printer.full && !signal.aborted) {
		const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
		if (bytesRead === 0) break;
		at += bytesRead;
		await printer.write(Buffer.from(buffer.subarray(0, bytesRead)));
	}
	return at;
}

/** The file that took the path's place (rotation), or the same one when it was cut short. */
async function openSuccessor(path: string, file: FileHandle | undefined, offset: number): Promise<FileHandle | undefined> {
	const there = await stat(path).catch(() => undefined);
	if (!there) return undefined;
	if (!file) return openIfPresent(path);
	const mine = await file.stat();
	return there.ino !== mine.ino || there.size < offset ? openIfPresent(path) : undefined;
}

/** Where the last `lines` lines begin. */
async function tailOffset(file: FileHandle, lines: number): Promise<number> {
	const { size } = await file.stat();
	if (lines <= 0) return size;
	let left = lines;
	let end = size;
	const buffer = Buffer.alloc(CHUNK_BYTES);
	while (end > 0) {
		const start = Math.max(0, end - CHUNK_BYTES);
		await file.read(buffer, 0, end - start, start);
		for (let i = end - start - 1; i >= 0; i--) {
			// The newline that ends the file ends a line; it does not begin one.
			if (buffer[i] !== 0x0a || start + i === size - 1) continue;
			if (--left === 0) return start + i + 1;
		}
		end = start;
	}
	return 0;
}

/** Turns file bytes into what the client sees: filtered by time, with or without time stamps, cut at the limit. */
class LogPrinter {
	readonly #request: LogRequest;
	readonly #sinceMs: number;
	readonly #send: (bytes: Buffer) => Promise<void>;
	#rest = Buffer.alloc(0);
	#left: number;
	#lineStart = true;

	constructor(request: LogRequest, nowMs: number, send: (bytes: Buffer) => Promise<void>) {
		this.#request = request;
		this.#send = send;
		this.#left = request.limitBytes ?? Number.POSITIVE_INFINITY;
		this.#sinceMs = request.sinceTime
			? Date.parse(request.sinceTime)
			: request.sinceSeconds !== undefined
				? nowMs - request.sinceSeconds * 1000
				: Number.NEGATIVE_INFINITY;
	}

	/** The byte limit is reached. */
	get full(): boolean {
		return this.#left <= 0;
	}

	async write(chunk: Buffer): Promise<void> {
		const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
		const out: Buffer[] = [];
		let start = 0;
		for (let newline = bytes.indexOf(0x0a); newline >= 0; newline = bytes.indexOf(0x0a, start)) {
			const text = this.#format(bytes.subarray(start, newline).toString("utf8"));
			if (text) out.push(Buffer.from(text));
			start = newline + 1;
		}
		this.#rest = Buffer.from(bytes.subarray(start));
		await this.#flush(Buffer.concat(out));
	}

	/** A last line without its newline is shown too. */
	async end(): Promise<void> {
		if (this.#rest.length === 0) return;
		const text = this.#format(this.#rest.toString("utf8"));
		this.#rest = Buffer.alloc(0);
		await this.#flush(Buffer.from(text));
	}

	#format(line: string): string {
		const parsed = parseCriLine(line);
		if (!parsed || Date.parse(parsed.time) < this.#sinceMs) return "";
		const prefix = this.#request.timestamps && this.#lineStart ? `${parsed.time} ` : "";
		this.#lineStart = parsed.content.endsWith("\n");
		return prefix + parsed.content;
	}

	async #flush(bytes: Buffer): Promise<void> {
		if (bytes.length === 0 || this.full) return;
		const cut = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
		this.#left -= cut.length;
		await this.#send(cut);
	}
}

/** Wakes when the file (or its directory) changes, at the latest after FOLLOW_POLL_MS. */
class FileChanges {
	readonly #signal: AbortSignal;
	#watcher: FSWatcher | undefined;
	#changed = false;
	#wake: () => void = () => undefined;

	constructor(path: string, signal: AbortSignal) {
		this.#signal = signal;
		try {
			this.#watcher = watch(dirname(path), () => this.#notice());
			this.#watcher.on("error", () => this.close());
		} catch {
			// No directory yet, or no inotify watch left: the timer alone finds changes.
			this.#watcher = undefined;
		}
	}

	#notice(): void {
		this.#changed = true;
		this.#wake();
	}

	next(): Promise<void> {
		return new Promise((resolve) => {
			const done = () => {
				clearTimeout(timer);
				this.#signal.removeEventListener("abort", done);
				this.#wake = () => undefined;
				this.#changed = false;
				resolve();
			};
			const timer = setTimeout(done, FOLLOW_POLL_MS);
			this.#signal.addEventListener("abort", done, { once: true });
			this.#wake = done;
			if (this.#changed || this.#signal.aborted) done();
		});
	}

	close(): void {
		this.#watcher?.close();
	}
}
