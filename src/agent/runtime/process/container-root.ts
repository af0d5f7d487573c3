/**
 * A container's root directory in the process runtime: a copy of the image's file system with the pod's volumes linked
 * in. Nothing is chrooted: the process sees the machine's own `/`, works in this directory, and finds programs here first.
 */
import { constants } from "node:fs";
import { access, cp, lstat, mkdir, readlink, realpath, rm, stat, symlink } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { RuntimeError, type Mount } from "../runtime.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where programs of the machine itself are looked for; the agent's own node among them. */
export function hostSearchPath(): string[] {
	const own = (process.env.PATH ?? DEFAULT_PATH).split(delimiter).filter(isAbsolute);
	return [...own, dirname(process.execPath), "/usr/sbin", "/sbin"];
}

/** Unlike the copied files, a volume may be large and is linked. */
async function linkMount(root: string, mount: Mount): Promise<void> {
	const path = join(root, resolve("/", mount.containerPath));
	if (path === root || path === root + sep) throw new RuntimeError("CreateContainerError", "the process runtime cannot mount a volume at /");
	await mkdir(dirname(path), { recursive: true });
	const parent = await realpath(dirname(path));
	if (parent !== root && !parent.startsWith(root + sep)) {
		if ((await readlink(path).catch(() => "")) === mount.hostPath) return;
		if ((await lstat(path).catch(() => undefined)) !== undefined) {
			throw new RuntimeError("CreateContainerError", `the process runtime cannot mount over ${mount.containerPath}, which exists in another volume`);
		}
	} else await rm(path, { recursive: true, force: true });
	await symlink(mount.hostPath, path);
}

/** Copies the image (sharing blocks where the file system can) and links the mounts, outer ones first. */
export async function buildContainerRoot(imageRoot: string, root: string, mounts: readonly Mount[]): Promise<void> {
	await cp(imageRoot, root, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
	const real = await realpath(root);
	for (const mount of mounts.toSorted((a, b) => a.containerPath.length - b.containerPath.length)) await linkMount(real, mount);
}

/** The directory of the container's root that `path` names; made when it is missing, as runc does. */
export async function workingDirectory(root: string, path: string): Promise<string> {
	const directory = join(root, resolve("/", path));
	await mkdir(directory, { recursive: true });
	return directory;
}

/** PATH for a container: its image's folders inside its root, then the machine's. */
export function containerSearchPath(root: string, imagePath: string | undefined): string[] {
	const folders = (imagePath ?? DEFAULT_PATH).split(":").filter((folder) => folder.startsWith("/"));
	return [...folders.map((folder) => join(root, folder)), ...hostSearchPath()];
}

async function isProgram(path: string): Promise<boolean> {
	try {
		await access(path, constants.X_OK);
		return (await stat(path)).isFile();
	} catch {
		return false;
	}
}

/** Path of the program that `command` names: looked up in the container's root, then on the machine. */
export async function resolveProgram(command: string, root: string, directory: string, searchPath: readonly string[]): Promise<string> {
	const candidates = command.startsWith("/")
		? [join(root, command), command]
		: command.includes("/")
			? [resolve(directory, command)]
			: searchPath.map((folder) => join(folder, command));
	for (const candidate of candidates) if (await isProgram(candidate)) return candidate;
	const cause = command.includes("/") ? `stat ${command}: no such file or directory` : "executable file not found in $PATH";
	throw new RuntimeError("RunContainerError", `exec: ${JSON.stringify(command)}: ${cause}`);
}
