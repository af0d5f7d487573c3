/** Finds and signals processes of containers, on Linux through /proc and elsewhere by pid and group alone. */
import { readdir, readFile } from "node:fs/promises";

/** In the environment of each container's processes: it finds those that left the process group. */
export const CONTAINER_ID_VARIABLE = "PETREL_CONTAINER_ID";
/** Likewise of its shim's. */
export const SHIM_ID_VARIABLE = "PETREL_SHIM_ID";
const STAT_SESSION = 3;
const STAT_START_TIME = 19;

/** The fields of /proc/<pid>/stat behind the command's name. */
async function statFields(pid: number): Promise<string[] | undefined> {
	const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
	return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Whether this very process is there; `startTime` tells it from a later one with the same pid. */
export async function isAlive(pid: number, startTime: string): Promise<boolean> {
	try {
		process.kill(pid, 0);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
	}
	if (startTime === "") return true;
	const fields = await statFields(pid);
	return fields !== undefined && fields[STAT_START_TIME] === startTime && fields[0] !== "Z";
}

/** The start time that `isAlive` wants; empty where there is no /proc. */
export async function startTimeOf(pid: number): Promise<string> {
	return (await statFields(pid))?.[STAT_START_TIME] ?? "";
}

async function belongs(pid: number, session: number, marker: string): Promise<boolean> {
	const fields = await statFields(pid);
	if (fields === undefined || fields[0] === "Z") return false;
	if (session > 0 && Number(fields[STAT_SESSION]) === session) return true;
	const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
	return `\0${environment}`.includes(`\0${marker}\0`);
}

/** Pids of the session `session` (0 for none) and of all processes that carry `marker` (name=value) in their environment. */
export async function processesOf(marker: string, session: number): Promise<number[]> {
	const names = await readdir("/proc").catch(() => []);
	const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
	const found = await Promise.all(pids.map(async (pid) => ((await belongs(pid, session, marker)) ? pid : 0)));
	return found.filter((pid) => pid !== 0 && pid !== process.pid);
}

export interface ProcessUsage {
	/** Nanoseconds of CPU, with those of children that are gone. */
	cpuNanos: number;
	residentBytes: number;
}

/** Linux counts a process's time in these and its memory in those, whatever the machine (USER_HZ and the page of all its ports that Node.js runs on). */
const NANOS_PER_TICK = 10_000_000;
const PAGE_BYTES = 4096;
const STAT_TIMES = [11, 12, 13, 14];
const STAT_RESIDENT_PAGES = 21;

/** undefined for a process that is gone. */
export async function usageOf(pid: number): Promise<ProcessUsage | undefined> {
	const fields = await statFields(pid);
	if (fields === undefined) return undefined;
	const ticks = STAT_TIMES.reduce((sum, at) => sum + Number(fields[at] ?? 0), 0);
	return { cpuNanos: ticks * NANOS_PER_TICK, residentBytes: Number(fields[STAT_RESIDENT_PAGES] ?? 0) * PAGE_BYTES };
}

/** A pid that is gone is no error; a negative one is a process group. */
export function signal(pid: number, name: NodeJS.Signals): void {
	try {
		process.kill(pid, name);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
	}
}
