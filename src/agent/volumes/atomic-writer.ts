/**
 * Swaps a directory's content in one step, as kubelet's AtomicWriter: the files lie in a directory with a time stamp, `..data` is
 * a link to it, and what the user sees are links through `..data`. A reader never meets half of an update.
 */
import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing } from "../atomic-file.ts";
import type { VolumeFile } from "./volume.ts";

const DATA_LINK = "..data";
const NEW_DATA_LINK = "..data_tmp";

/** `files` by relative path. Returns whether anything was written. Throws on a path that would leave the directory. */
export async function writeVolumeFiles(directory: string, files: ReadonlyMap<string, VolumeFile>): Promise<boolean> {
	for (const path of files.keys()) checkPath(path);
	await mkdir(directory, { recursive: true, mode: 0o755 });
	const former = await linkTarget(join(directory, DATA_LINK));
	if (former !== undefined && (await sameContent(join(directory, former), files))) return false;
	const name = `..${new Date().toISOString().replace(/[-:T]/g, "_").slice(0, 19)}.${randomBytes(5).toString("hex")}`;
	await writeTree(join(directory, name), files);
	await rm(join(directory, NEW_DATA_LINK), { force: true });
	await symlink(name, join(directory, NEW_DATA_LINK));
	await rename(join(directory, NEW_DATA_LINK), join(directory, DATA_LINK));
	await showEntries(directory, files);
	if (former !== undefined && former !== name) await rm(join(directory, former), { recursive: true, force: true });
	return true;
}

function checkPath(path: string): void {
	const parts = path.split("/");
	if (path === "" || path.startsWith("/") || parts.includes("..") || parts[0]?.startsWith("..") || path.includes("\0"))
		throw new Error(`invalid path ${JSON.stringify(path)} in a volume`);
}

async function linkTarget(path: string): Promise<string | undefined> {
	try {
		return await readlink(path);
	} catch (error) {
		if (isMissing(error)) return undefined;
		throw error;
	}
}

async function writeTree(root: string, files: ReadonlyMap<string, VolumeFile>): Promise<void> {
	await mkdir(root, { mode: 0o755 });
	// mkdir's mode is cut by the umask; containers run as other users.
	await chmod(root, 0o755);
	for (const [path, file] of files) {
		const target = join(root, path);
		await mkdir(dirname(target), { recursive: true, mode: 0o755 });
		await writeFile(target, file.content, { mode: file.mode });
		await chmod(target, file.mode);
	}
}

/** One visible link per first path segment; links whose file is gone are removed. */
async function showEntries(directory: string, files: ReadonlyMap<string, VolumeFile>): Promise<void> {
	const wanted = new Set([...files.keys()].map((path) => path.split("/")[0] as string));
	for (const entry of await readdir(directory)) {
		if (!entry.startsWith("..") && !wanted.has(entry)) await rm(join(directory, entry), { recursive: true, force: true });
	}
	for (const entry of wanted) {
		const path = join(directory, entry);
		if (await lstat(path).catch(() => undefined)) continue;
		await symlink(join(DATA_LINK, entry), path);
	}
}

async function sameContent(root: string, files: ReadonlyMap<string, VolumeFile>): Promise<boolean> {
	const present = await listFiles(root);
	if (present === undefined || present.length !== files.size) return false;
	for (const path of present) {
		const wanted = files.get(path);
		if (!wanted) return false;
		const [content, info] = await Promise.all([readFile(join(root, path)), stat(join(root, path))]);
		// fsGroup adds group bits later: only what was asked for is compared.
		if (!content.equals(wanted.content) || (info.mode & wanted.mode) !== wanted.mode) return false;
	}
	return true;
}

async function listFiles(root: string): Promise<string[] | undefined> {
	try {
		const entries = await readdir(root, { recursive: true, withFileTypes: true });
		return entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name).slice(root.length + 1));
	} catch (error) {
		if (isMissing(error)) return undefined;
		throw error;
	}
}
