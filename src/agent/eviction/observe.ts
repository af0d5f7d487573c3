/** What of the machine eviction looks at: memory, the disk of the data directory, processes. */
import { readFile, statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import { machineUsage } from "../usage/machine-usage.ts";
import type { Observations } from "./thresholds.ts";

/** Images, containers and volumes all lie below the data directory: nodefs and imagefs are one. */
export async function observeMachine(dataDirectory: string): Promise<Observations> {
	const [disk, machine, processes] = await Promise.all([statfs(dataDirectory).catch(() => undefined), machineUsage(), observeProcesses()]);
	const memory = totalmem();
	const bytes = disk && { available: disk.bavail * disk.bsize, capacity: disk.blocks * disk.bsize };
	// Some file systems make inodes as they need them and count none.
	const inodes = disk && disk.files > 0 ? { available: disk.ffree, capacity: disk.files } : undefined;
	return {
		"memory.available": { available: Math.max(0, memory - machine.memoryBytes), capacity: memory },
		...(bytes ? { "nodefs.available": bytes, "imagefs.available": bytes } : {}),
		...(inodes ? { "nodefs.inodesFree": inodes, "imagefs.inodesFree": inodes } : {}),
		...(processes ? { "pid.available": processes } : {}),
	};
}

async function observeProcesses(): Promise<{ available: number; capacity: number } | undefined> {
	const [loadavg, limit] = await Promise.all(["/proc/loadavg", "/proc/sys/kernel/pid_max"].map((path) => readFile(path, "utf8").catch(() => "")));
	const running = Number(/\d+\/(\d+)/.exec(loadavg ?? "")?.[1] ?? Number.NaN);
	const capacity = Number(limit);
	return Number.isNaN(running) || !(capacity > 0) ? undefined : { available: Math.max(0, capacity - running), capacity };
}
