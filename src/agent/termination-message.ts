/** What a container left as its last words: its termination message file, or the end of its log. */
import { open, readFile } from "node:fs/promises";
import type { Container } from "../core/schema/kubernetes.d.ts";
import { isMissing } from "./atomic-file.ts";
import { type PodPaths, terminationMessageFile } from "./pod-names.ts";
import type { ContainerStateInfo } from "./runtime/runtime.ts";
import { parseCriLine } from "./sessions/cri-log.ts";

/** Upstream's limits: of the file, and of what is taken from a log. */
export const MAX_MESSAGE_BYTES = 4_096;
export const MAX_LOG_MESSAGE_BYTES = 2_048;
export const MAX_LOG_MESSAGE_LINES = 80;

export async function readTerminationMessage(paths: PodPaths, container: Container, state: ContainerStateInfo): Promise<string> {
	const text = await readStart(terminationMessageFile(paths, container.name, state.attempt), MAX_MESSAGE_BYTES);
	if (text !== "") return text;
	if (container.terminationMessagePolicy === "FallbackToLogsOnError" && state.exitCode !== 0) {
		const tail = await logTail(state.logPath);
		if (tail !== "") return tail;
	}
	return state.message;
}

async function readStart(path: string, limit: number): Promise<string> {
	try {
		const file = await open(path, "r");
		try {
			const { buffer, bytesRead } = await file.read(Buffer.alloc(limit), 0, limit, 0);
			return buffer.subarray(0, bytesRead).toString("utf8");
		} finally {
			await file.close();
		}
	} catch (error) {
		if (isMissing(error)) return "";
		throw error;
	}
}

async function logTail(path: string): Promise<string> {
	const text = await readFile(path, "utf8").catch(() => "");
	const lines = text.split("\n").slice(-MAX_LOG_MESSAGE_LINES - 1);
	const content = lines.map((line) => parseCriLine(line)?.content ?? "").join("");
	return Buffer.from(content).subarray(-MAX_LOG_MESSAGE_BYTES).toString("utf8");
}
