/** Removes pods' cgroups, which the container runtime makes as parents and leaves behind; cgroup v1 and v2 alike. */
import { readdir, readFile, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";

async function mountPoints(): Promise<string[]> {
	const mounts = (await readFile("/proc/self/mountinfo", "utf8").catch(() => "")).trim().split("\n");
	return mounts.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? "");
}

async function removeTree(path: string): Promise<void> {
	for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) if (entry.isDirectory()) await removeTree(join(path, entry.name));
	await rmdir(path).catch(() => undefined);
}

/** Best effort: a cgroup that still has processes stays. */
export async function removeCgroup(parent: string): Promise<void> {
	if (!/^(?:\/[\w.:@-]+)+$/.test(parent)) return;
	for (const mount of await mountPoints()) await removeTree(join(mount, parent));
}

/** Removes the empty cgroups above one, up to the root. */
export async function removeEmptyAncestors(parent: string): Promise<void> {
	for (const mount of await mountPoints()) {
		for (let path = dirname(parent); path !== "/" && path !== "."; path = dirname(path)) await rmdir(join(mount, path)).catch(() => undefined);
	}
}
