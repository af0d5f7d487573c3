import { chmod, mkdir } from "node:fs/promises";
import { parseQuantityNumber } from "../quantity-number.ts";
import { isMountPoint, mount } from "./mounts.ts";
import type { VolumeSetUp } from "./volume.ts";

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
	await mount(["-t", "tmpfs", ...(bytes > 0 ? ["-o", `size=${bytes}`] : []), "tmpfs", directory]);
}
