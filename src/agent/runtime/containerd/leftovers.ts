/** What a crash may have left of a private containerd's containers: shims, mounts and cgroups. */
import { execFile } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { removeCgroup } from "./cgroups.ts";
import type { ContainerdPaths } from "./daemon.ts";

const run = promisify(execFile);

async function killShims(paths: ContainerdPaths): Promise<void> {
	for (const name of await readdir("/proc")) {
		if (!/^\d+$/.test(name)) continue;
		const command = (await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")).split("\0");
		if (!command[0]?.includes("containerd-shim") || !command.includes(paths.socket)) continue;
		try {
			process.kill(Number(name), "SIGKILL");
		} catch {}
	}
}

/** Mount points below the directory, deepest first. */
async function mountsBelow(directory: string): Promise<string[]> {
	const lines = (await readFile("/proc/self/mountinfo", "utf8")).trim().split("\n");
	const points = lines.map((line) => (line.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8))));
	return points.filter((point) => point.startsWith(`${directory}/`)).reverse();
}

/** When containerd is stopped and its pods are removed. */
export async function removeLeftovers(paths: ContainerdPaths): Promise<void> {
	await killShims(paths);
	for (const point of await mountsBelow(paths.base)) await run("umount", ["-l", point]).catch(() => undefined);
	await removeCgroup(`/petrel-${paths.instance}`);
	for (const path of [paths.socket, `${paths.socket}.ttrpc`]) await rm(path, { force: true });
	if (dirname(paths.socket) !== paths.base) await rm(dirname(paths.socket), { recursive: true, force: true });
}
