/** What the whole machine has used and uses, by /proc: what kubelet reads of the root cgroup. */
import { readFile } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";

export interface MachineUsage {
	/** Nanoseconds of CPU since the machine's start. */
	cpuNanos: number;
	/** The working set: neither free nor lying idle in the page cache. */
	memoryBytes: number;
}

const NANOS_PER_TICK = 10_000_000;
const NANOS_PER_MS = 1_000_000;
const BYTES_PER_KIB = 1024;
/** Of /proc/stat's first line: user, nice, system, irq, softirq, steal; not idle and iowait. */
const BUSY_FIELDS = [1, 2, 3, 6, 7, 8];

export function parseMachineUsage(stat: string, meminfo: string): MachineUsage | undefined {
	const fields = /^cpu .*$/m.exec(stat)?.[0].split(/\s+/);
	const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? Number.NaN);
	const workingSet = kibibytes("MemTotal") - kibibytes("MemFree") - kibibytes("Inactive\\(file\\)");
	if (fields === undefined || Number.isNaN(workingSet)) return undefined;
	const ticks = BUSY_FIELDS.reduce((sum, at) => sum + Number(fields[at] ?? 0), 0);
	return { cpuNanos: ticks * NANOS_PER_TICK, memoryBytes: Math.max(0, workingSet * BYTES_PER_KIB) };
}

/** Elsewhere than on Linux: what Node.js knows of the machine. */
function usageWithoutProc(): MachineUsage {
	const busyMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
	return { cpuNanos: busyMs * NANOS_PER_MS, memoryBytes: totalmem() - freemem() };
}

export async function machineUsage(): Promise<MachineUsage> {
	const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
	const [stat, meminfo] = await Promise.all([read("/proc/stat"), read("/proc/meminfo")]);
	return parseMachineUsage(stat, meminfo) ?? usageWithoutProc();
}
