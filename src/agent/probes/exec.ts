import { Writable } from "node:stream";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import type { ProbeOutcome } from "./probe-runner.ts";

/** Upstream keeps this much of an exec probe's output. */
export const MAX_OUTPUT_BYTES = 10 * 1024;

/** Collects at most `limit` bytes and drops the rest. */
export function collector(limit: number): { stream: Writable; text(): string } {
	const chunks: Buffer[] = [];
	let size = 0;
	const stream = new Writable({
		write(chunk: Buffer, _encoding, callback) {
			if (size < limit) chunks.push(chunk.subarray(0, limit - size));
			size += chunk.length;
			callback();
		},
	});
	return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}

export async function execProbe(runtime: ContainerRuntime, containerId: string, command: string[], timeoutMs: number): Promise<ProbeOutcome> {
	const output = collector(MAX_OUTPUT_BYTES);
	const abort = new AbortController();
	let timer: NodeJS.Timeout | undefined;
	const timeout = new Promise<"timeout">((resolve) => {
		timer = setTimeout(() => resolve("timeout"), timeoutMs);
	});
	try {
		const run = runtime.exec(containerId, { command, tty: false, stdout: output.stream, stderr: output.stream, timeoutMs, signal: abort.signal });
		// A runtime that does not stop in time must not leave an unhandled rejection behind.
		run.catch(() => undefined);
		const result = await Promise.race([run, timeout]);
		if (result === "timeout")
			return { success: false, message: `command timed out: ${JSON.stringify(command.join(" "))} timed out after ${timeoutMs / 1000}s` };
		return { success: result === 0, message: output.text() };
	} finally {
		clearTimeout(timer);
		abort.abort();
	}
}
