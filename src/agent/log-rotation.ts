/** Keeps containers' logs within bounds: kubelet's container_log_manager.go, with its names and its order. */
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { ContainerRuntime, ContainerStateInfo } from "./runtime/runtime.ts";

const COMPRESSED = ".gz";
const UNFINISHED = ".tmp";
/** The present log, and the one that becomes a rotated one only now. */
const FILES_NOT_ROTATED = 2;

export interface LogRotationOptions {
	runtime: Pick<ContainerRuntime, "reopenContainerLog">;
	clock: Clock;
	log: Logger;
	/** All containers of the node. */
	containers(): readonly ContainerStateInfo[];
	maxBytes: number;
	maxFiles: number;
	periodMs: number;
}

export class LogRotation {
	readonly #options: LogRotationOptions;
	#cancel: () => void = () => undefined;
	#working: Promise<void> = Promise.resolve();
	#stopped = false;

	constructor(options: LogRotationOptions) {
		this.#options = options;
	}

	start(): void {
		this.#cancel = this.#options.clock.after(this.#options.periodMs, () => {
			this.#working = this.rotateAll().finally(() => {
				if (!this.#stopped) this.start();
			});
		});
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		this.#cancel();
		await this.#working;
	}

	/** One log that cannot be rotated keeps no other from it. */
	async rotateAll(): Promise<void> {
		const { log } = this.#options;
		for (const container of this.#options.containers().filter(({ state }) => state === "running")) {
			await this.#rotateWhenLarge(container).catch((error: unknown) =>
				log.warn("a container's log could not be rotated", { container: container.id, path: container.logPath, error }),
			);
		}
	}

	async #rotateWhenLarge({ id, logPath }: ContainerStateInfo): Promise<void> {
		const { runtime, maxBytes } = this.#options;
		const info = await stat(logPath).catch(() => undefined);
		// A rotation that was cut short has left the container without a log.
		if (info === undefined) await runtime.reopenContainerLog(id);
		else if (info.size >= maxBytes) await this.#rotate(id, logPath);
	}

	async #rotate(id: string, path: string): Promise<void> {
		const { runtime, clock, maxFiles } = this.#options;
		const rotated = await withoutLeftovers(path);
		const excess = rotated.slice(0, Math.max(0, rotated.length - Math.max(0, maxFiles - FILES_NOT_ROTATED)));
		for (const name of excess) await rm(name, { force: true });
		for (const name of rotated.slice(excess.length)) if (!name.endsWith(COMPRESSED)) await compress(name);
		const target = `${path}.${dateAndTime(clock.nowMs())}`;
		await rename(path, target);
		try {
			await runtime.reopenContainerLog(id);
		} catch (error) {
			await rename(target, path);
			throw error;
		}
	}
}

/** `20260102-150405`, in UTC: names in order of age. */
function dateAndTime(ms: number): string {
	const [date = "", time = ""] = new Date(ms).toISOString().split("T");
	return `${date.replaceAll("-", "")}-${time.slice(0, 8).replaceAll(":", "")}`;
}

async function rotatedLogs(path: string): Promise<string[]> {
	const names = await readdir(dirname(path)).catch(() => []);
	const prefix = `${basename(path)}.`;
	return names
		.filter((name) => name.startsWith(prefix))
		.sort()
		.map((name) => join(dirname(path), name));
}

/** The rotated logs, oldest first; what a compression that was cut short has left is removed. */
async function withoutLeftovers(path: string): Promise<string[]> {
	const all = await rotatedLogs(path);
	const leftovers = all.filter((name) => name.endsWith(UNFINISHED) || all.includes(name + COMPRESSED));
	for (const name of leftovers) await rm(name, { force: true });
	return all.filter((name) => !leftovers.includes(name));
}

async function compress(path: string): Promise<void> {
	const unfinished = path + UNFINISHED;
	try {
		await pipeline(createReadStream(path), createGzip(), createWriteStream(unfinished, { mode: 0o640 }));
		await rename(unfinished, path + COMPRESSED);
		await rm(path, { force: true });
	} finally {
		await rm(unfinished, { force: true });
	}
}

/** A container's log with all that was rotated away from it. */
export async function removeLogs(path: string): Promise<void> {
	for (const name of [path, ...(await rotatedLogs(path))]) await rm(name, { force: true });
}
