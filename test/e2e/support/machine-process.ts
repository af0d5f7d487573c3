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

const CONTAINER = /[0-9a-f]{64}/;

/** Ids of the containers in which a process has exactly this argument: a process that forks has it twice for a moment. */
export function containersWith(argument: string): Set<string> {
	const cgroups = processesWith(argument).map((pid) => {
		try {
			return readFileSync(`/proc/${pid}/cgroup`, "utf8");
		} catch {
			return "";
		}
	});
	return new Set(cgroups.map((text) => text.match(CONTAINER)?.[0]).filter((id) => id !== undefined));
}
