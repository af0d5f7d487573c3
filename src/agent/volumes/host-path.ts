import { lstat, mkdir, open, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import type { VolumeSetUp } from "./volume.ts";

const CHECKS: Record<string, { is(info: Stats): boolean; word: string }> = {
	Directory: { is: (i) => i.isDirectory(), word: "directory" },
	DirectoryOrCreate: { is: (i) => i.isDirectory(), word: "directory" },
	File: { is: (i) => i.isFile(), word: "file" },
	FileOrCreate: { is: (i) => i.isFile(), word: "file" },
	Socket: { is: (i) => i.isSocket(), word: "socket" },
	CharDevice: { is: (i) => i.isCharacterDevice(), word: "character device" },
	BlockDevice: { is: (i) => i.isBlockDevice(), word: "block device" },
};

/** The host's own path, checked by its type as upstream does. */
export const setUpHostPath: VolumeSetUp = async (_context, volume) => {
	const { path, type = "" } = volume.hostPath ?? { path: "/" };
	if (type === "DirectoryOrCreate") await mkdir(path, { recursive: true, mode: 0o755 });
	if (type === "FileOrCreate" && !(await lstat(path).catch(() => undefined))) await (await open(path, "a", 0o644)).close();
	const check = CHECKS[type];
	if (!check) return { path, keepsGroup: true };
	const info = await stat(path).catch(() => undefined);
	if (!info || !check.is(info)) throw new Error(`hostPath type check failed: ${path} is not a ${check.word}`);
	return { path, keepsGroup: true };
};
