/** What is mounted on this machine, and mount's own commands. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const PROC_MOUNTS = "/proc/self/mounts";

export interface MountEntry {
	source: string;
	target: string;
	type: string;
}

/** The kernel writes spaces, tabs, newlines and backslashes in paths in octal. */
const unescaped = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** In the order in which they were made. */
export async function mountEntries(): Promise<MountEntry[]> {
	const text = await readFile(PROC_MOUNTS, "utf8").catch(() => "");
	return text
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => {
			const [source = "", target = "", type = ""] = line.split(" ");
			return { source: unescaped(source), target: unescaped(target), type };
		});
}

export async function isMountPoint(directory: string): Promise<boolean> {
	return (await mountEntries()).some(({ target }) => target === directory);
}

export async function mount(args: readonly string[]): Promise<void> {
	await run("mount", args);
}

export async function unmountIfMounted(directory: string): Promise<void> {
	if (await isMountPoint(directory)) await run("umount", [directory]);
}

/** Unmounts all that is mounted below the directory, the innermost first. Throws when something is in use. */
export async function unmountBelow(directory: string): Promise<void> {
	const below = (await mountEntries()).map(({ target }) => target).filter((target) => target === directory || target.startsWith(`${directory}/`));
	for (const target of below.reverse()) await run("umount", [target]);
}
