/** Small state files that are never seen half written. */
import { readFile, rename, writeFile } from "node:fs/promises";

/** Replaces the file in one step; only the owner may read it. */
export async function writeJson(path: string, value: unknown): Promise<void> {
	const part = `${path}.part`;
	await writeFile(part, JSON.stringify(value), { mode: 0o600 });
	await rename(part, path);
}

/** Undefined when there is no such file or it does not parse. */
export async function readJson<T>(path: string): Promise<T | undefined> {
	try {
		return JSON.parse(await readFile(path, "utf8")) as T;
	} catch {
		return undefined;
	}
}
