/** Names a process beyond doubt: its id and, where /proc has it, its start time, so that a reused id is not mistaken for it. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export interface ProcessIdentity {
	pid: number;
	/** Field 22 of /proc/<pid>/stat: clock ticks after boot; "" where there is no /proc. */
	startTime: string;
}

const POLL_INTERVAL_MS = 50;
const STAT_STATE_FIELD = 0;
const STAT_START_TIME_FIELD = 19;

/** The fields of /proc/<pid>/stat behind the command, which may hold spaces; undefined when there is no such process. */
function statFields(pid: number): string[] | undefined {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	} catch {
		return undefined;
	}
}

export function identify(pid: number): ProcessIdentity {
	return { pid, startTime: statFields(pid)?.[STAT_START_TIME_FIELD] ?? "" };
}

export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
	const fields = statFields(pid);
	if (fields !== undefined) return fields[STAT_STATE_FIELD] !== "Z" && (startTime === "" || fields[STAT_START_TIME_FIELD] === startTime);
	if (process.platform === "linux") return false;
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}

/** True once the process has ended, false when it still runs after `timeoutMs`. */
export async function waitForEnd(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
	const deadline = performance.now() + timeoutMs;
	while (isRunning(identity)) {
		if (performance.now() > deadline) return false;
		await delay(POLL_INTERVAL_MS);
	}
	return true;
}

/** Asks a process to end, and ends it when it has not after `graceMs`. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
	if (!isRunning(identity)) return;
	process.kill(identity.pid, "SIGTERM");
	if (await waitForEnd(identity, graceMs)) return;
	if (isRunning(identity)) process.kill(identity.pid, "SIGKILL");
	await waitForEnd(identity, graceMs);
}
