/** Processes of this machine, those in containers among them, found by an argument that no other process has. */
import { readdirSync, readFileSync } from "node:fs";

function argumentsOf(pid: number): string[] {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
	} catch {
		return [];
	}
}

/** Ids of the processes that have exactly this argument. */
export function processesWith(argument: string): number[] {
	return readdirSync("/proc")
		.map(Number)
		.filter((pid) => pid > 0 && argumentsOf(pid).includes(argument));
}
