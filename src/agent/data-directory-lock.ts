/** One agent per data directory: two would fight over the same pods. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "./agent-error.ts";
import { readFileIfPresent, writeFileAtomic } from "./atomic-file.ts";
import { parseJson } from "./control-plane-client.ts";

/** The 22nd field of /proc/PID/stat tells a process from a later one with the same number. */
async function processStart(pid: number): Promise<string | undefined> {
	const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
	return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** Returns what releases it; rejects with AgentError while another agent holds it. */
export async function lockDataDirectory(dataDirectory: string): Promise<() => Promise<void>> {
	const path = join(dataDirectory, "agent.lock");
	const holder = parseJson((await readFileIfPresent(path)) ?? "") as { pid?: number; start?: string } | undefined;
	if (holder?.pid && holder.pid !== process.pid && holder.start && (await processStart(holder.pid)) === holder.start) {
		throw new AgentError("data-directory", `another agent (process ${holder.pid}) works in ${dataDirectory}; stop it first, or give another --data-dir`);
	}
	await writeFileAtomic(path, JSON.stringify({ pid: process.pid, start: await processStart(process.pid) }));
	return () => rm(path, { force: true });
}
