/** Ends everything of a node with real containers at once, as a reset of its machine would, and takes away what lives in the kernel alone. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { containerdPaths } from "../../../src/agent/runtime/containerd/daemon.ts";

const CGROUP_ROOT = "/sys/fs/cgroup";

/** The cgroups of the node's pods, one in each hierarchy that has any. */
export function podCgroupRoots(agentDirectory: string): string[] {
	const name = `petrel-${containerdPaths(agentDirectory).instance}`;
	const parents = [CGROUP_ROOT, ...readdirSync(CGROUP_ROOT).map((entry) => join(CGROUP_ROOT, entry))];
	return parents.map((parent) => join(parent, name)).filter((path) => existsSync(path));
}

function cgroupsBelow(path: string): string[] {
	const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
	return [...entries.flatMap(({ name }) => cgroupsBelow(join(path, name))), path];
}

function end(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
	}
}

/** containerd and its shims name their files below the node's directory. */
function processesBelow(agentDirectory: string): number[] {
	const { base, socket } = containerdPaths(agentDirectory);
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.filter((pid) => {
			const words = commandOf(pid);
			return words.some((word) => word.startsWith(base) || word === socket);
		});
}

function commandOf(pid: number): string[] {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
	} catch {
		return [];
	}
}

export function containerdProcess(agentDirectory: string): number {
	return Number(readFileSync(containerdPaths(agentDirectory).pidFile, "utf8"));
}

/** Shims, one for each sandbox. */
export function shims(agentDirectory: string): number[] {
	return processesBelow(agentDirectory).filter((pid) => commandOf(pid)[0]?.includes("containerd-shim"));
}

export function mountsBelow(directory: string): string[] {
	const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
	return lines.map((line) => line.split(" ")[1] ?? "").filter((path) => path.startsWith(`${directory}/`));
}

export function killEverything(agentDirectory: string): void {
	for (const pid of processesBelow(agentDirectory)) end(pid);
	for (const group of podCgroupRoots(agentDirectory).flatMap(cgroupsBelow)) {
		for (const pid of readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean)) end(Number(pid));
	}
	for (const mount of mountsBelow(agentDirectory).reverse()) execFileSync("umount", ["-l", mount]);
	for (const group of podCgroupRoots(agentDirectory).flatMap(cgroupsBelow)) removeWhenEmpty(group);
	const { base, socket } = containerdPaths(agentDirectory);
	for (const path of [socket, `${socket}.ttrpc`]) rmSync(path, { force: true });
	if (dirname(socket) !== base) rmSync(dirname(socket), { recursive: true, force: true });
}

/** A killed process leaves its cgroup a moment later. */
function removeWhenEmpty(group: string): void {
	for (;;) {
		try {
			return rmdirSync(group);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
		}
	}
}
