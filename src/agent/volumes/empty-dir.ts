import { execFile } from "node:child_process";
import { chmod, mkdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { parseQuantityNumber } from "../quantity-number.ts";
import type { VolumeSetUp } from "./volume.ts";

const run = promisify(execFile);
const PROC_MOUNTS = "/proc/self/mounts";

/** A directory that lives as long as the pod; `medium: Memory` is a tmpfs where the agent may mount one. */
export const setUpEmptyDir: VolumeSetUp = async (context, volume, directory) => {
	await mkdir(directory, { recursive: true, mode: 0o777 });
	if (volume.emptyDir?.medium === "Memory" && context.isolated && process.getuid?.() === 0) await mountTmpfs(directory, volume.emptyDir.sizeLimit);
	// The directory is everyone's: the umask must not narrow it.
	await chmod(directory, 0o777);
	return directory;
};

async function mountTmpfs(directory: string, sizeLimit: string | undefined): Promise<void> {
	if (await isMountPoint(directory)) return;
	const bytes = sizeLimit ? Math.ceil(parseQuantityNumber(sizeLimit)) : 0;
	await run("mount", ["-t", "tmpfs", ...(bytes > 0 ? ["-o", `size=${bytes}`] : []), "tmpfs", directory]);
}

export async function isMountPoint(directory: string): Promise<boolean> {
	const mounts = await readFile(PROC_MOUNTS, "utf8").catch(() => "");
	// The kernel writes spaces in paths as \040.
	const written = directory.replaceAll(" ", "\\040");
	return mounts.split("\n").some((line) => line.split(" ")[1] === written);
}

export async function unmountIfMounted(directory: string): Promise<void> {
	if (await isMountPoint(directory)) await run("umount", [directory]);
}
