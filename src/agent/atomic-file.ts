/** Files that are either the old or the new content, never half of one. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes beside the target, syncs, renames over it. `mode` defaults to 0600: what the agent keeps is its own business. */
export async function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
	await mkdir(dirname(path), { recursive: true, mode: 0o700 });
	const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
	try {
		const file = await open(temporary, "wx", mode);
		try {
			await file.writeFile(content);
			await file.sync();
		} finally {
			await file.close();
		}
		await rename(temporary, path);
	} catch (error) {
		await rm(temporary, { force: true });
		throw error;
	}
}

export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException | undefined)?.code === "ENOENT";

/** The file's content, or undefined when there is no such file. */
export async function readBytesIfPresent(path: string): Promise<Buffer | undefined> {
	try {
		return await readFile(path);
	} catch (error) {
		if (isMissing(error)) return undefined;
		throw error;
	}
}

/** The same as text. */
export const readFileIfPresent = async (path: string): Promise<string | undefined> => (await readBytesIfPresent(path))?.toString("utf8");

/** The names in a directory; none when there is no such directory. */
export async function namesIn(directory: string): Promise<string[]> {
	try {
		return await readdir(directory);
	} catch (error) {
		if (isMissing(error)) return [];
		throw error;
	}
}
