/** What a cluster may leave on a machine: everything here bears its data directory's path or a name made from it. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The agent's data directory inside the cluster's, and the runtime's inside that: both name things by their hash. */
const HASHED_DIRECTORIES = ["node", "node/containerd"] as const;
const HASH_CHARACTERS = 8;
const CGROUP_ROOT = "/sys/fs/cgroup";

export interface Traces {
	processes: string[];
	mounts: string[];
	tables: string[];
	links: string[];
	cgroups: string[];
}

export const NO_TRACES: Traces = { processes: [], mounts: [], tables: [], links: [], cgroups: [] };

export function tracesOf(directory: string): Traces {
	const hashes = HASHED_DIRECTORIES.map((name) => createHash("sha256").update(join(directory, name)).digest("hex").slice(0, HASH_CHARACTERS));
	const names = (line: string): boolean => line.includes(directory) || hashes.some((hash) => line.includes(hash));
	return {
		processes: lines("ps", "-eo", "pid,args").filter((line) => line.includes(directory)),
		mounts: existsSync("/proc/self/mounts") ? readFileSync("/proc/self/mounts", "utf8").split("\n").filter(names) : [],
		tables: lines("nft", "list", "tables").filter(names),
		links: lines("ip", "-o", "link").filter(names),
		cgroups: cgroups().filter(names),
	};
}

function lines(command: string, ...args: string[]): string[] {
	try {
		return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n");
	} catch {
		return [];
	}
}

/** The cgroups directly below the root (v2) or below each controller (v1). */
function cgroups(): string[] {
	if (!existsSync(CGROUP_ROOT)) return [];
	const roots = [CGROUP_ROOT, ...readdirSync(CGROUP_ROOT).map((name) => join(CGROUP_ROOT, name))];
	return roots.flatMap((root) => {
		try {
			return readdirSync(root).map((name) => join(root, name));
		} catch {
			return [];
		}
	});
}
