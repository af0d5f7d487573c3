/**
 * Kubelet's root directory: where drivers and plugins expect their sockets and mount pods' volumes. Drivers' manifests name
 * /var/lib/kubelet, so an agent takes that where it is nobody else's; it has one holder at a time, also while that does not run,
 * since its pods do. An agent that finds it taken uses its own data directory instead, and keeps to what it has chosen.
 */
import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AgentError } from "./agent-error.ts";
import { isMissing, readFileIfPresent } from "./atomic-file.ts";
import { errorText, type Logger } from "./log.ts";
import { DRA_STATE_FILE } from "./plugins/dynamic-resources.ts";
import { unmountBelow } from "./volumes/mounts.ts";

export const KUBELET_ROOT = "/var/lib/kubelet";
/** In the root: the data directory of the agent that holds it. */
const HOLDER_FILE = "petrel-agent";
/** In the data directory: the root that its agent has chosen, for whoever looks for it. */
const CHOICE_FILE = "kubelet-root";
/** What the agent makes there. */
const DIRECTORIES = ["pods", "plugins", "plugins_registry", "device-plugins"];

export interface KubeletRootOptions {
	dataDirectory: string;
	/** Where it should be; `required` accepts no other. Without it the data directory. */
	wanted?: { directory: string; required: boolean } | undefined;
	log: Logger;
}

/** Rejects with AgentError when a required directory cannot be had. */
export async function takeKubeletRoot({ dataDirectory, wanted, log }: KubeletRootOptions): Promise<string> {
	const own = resolve(dataDirectory);
	const chosen = wanted?.required ? resolve(wanted.directory) : ((await readFileIfPresent(join(own, CHOICE_FILE)))?.trim() ?? wanted?.directory ?? own);
	const refusal = chosen === own ? undefined : await whyNot(chosen, own);
	if (refusal !== undefined && wanted?.required) throw new AgentError("data-directory", `the kubelet's root ${chosen} cannot be used: ${refusal}`);
	if (refusal !== undefined) log.info("drivers and plugins find their sockets in the data directory", { directory: own, because: refusal });
	const root = refusal === undefined ? chosen : own;
	for (const name of DIRECTORIES) await mkdir(join(root, name), { recursive: true, mode: name === "pods" ? 0o700 : 0o755 });
	await writeFile(join(own, CHOICE_FILE), `${root}\n`, { mode: 0o600 });
	return root;
}

/** Takes the directory for the agent of this data directory; says why when that cannot be. */
async function whyNot(root: string, own: string): Promise<string | undefined> {
	try {
		await mkdir(root, { recursive: true, mode: 0o755 });
		const holder = await holderOf(root);
		if (holder === own) return undefined;
		if (holder !== undefined) return `it is that of the agent with the data directory ${holder}`;
		if (root === KUBELET_ROOT && (await isKubelets(root))) return "it is a kubelet's";
		await writeFile(join(root, HOLDER_FILE), `${own}\n`, { flag: "wx", mode: 0o600 });
		return undefined;
	} catch (error) {
		return errorText(error);
	}
}

/** Who holds the root; one whose data directory has gone for good does not. */
async function holderOf(root: string): Promise<string | undefined> {
	const holder = (await readFileIfPresent(join(root, HOLDER_FILE)))?.trim();
	if (holder === undefined || (await stat(join(holder, CHOICE_FILE)).catch(() => undefined))) return holder;
	await rm(join(root, HOLDER_FILE), { force: true });
	return undefined;
}

/** Whether a kubelet runs on this machine, or has pods here that no agent knows of. */
async function isKubelets(root: string): Promise<boolean> {
	if ((await readdir(join(root, "pods")).catch(() => [])).length > 0) return true;
	const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
	const names = await Promise.all(processes.map((pid) => readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")));
	return names.some((name) => name.trim() === "kubelet");
}

/** Nothing of the agent is left in a root outside of its data directory: what is mounted there for its pods, their directories, the claim on it. */
export async function releaseKubeletRoot(dataDirectory: string): Promise<void> {
	const own = resolve(dataDirectory);
	const root = (await readFileIfPresent(join(own, CHOICE_FILE)))?.trim();
	if (root === undefined) return;
	for (const name of ["pods", "plugins/kubernetes.io"]) await unmountBelow(join(root, name));
	const isHolder = root !== own && (await holderOf(root)) === own;
	await rm(join(own, CHOICE_FILE), { force: true });
	if (!isHolder) return;
	for (const name of ["pods", "plugins/kubernetes.io"]) await rm(join(root, name), { recursive: true, force: true });
	for (const name of [HOLDER_FILE, DRA_STATE_FILE]) await rm(join(root, name), { force: true });
	for (const name of [...DIRECTORIES, ""]) await rmdir(join(root, name)).catch(whenUsed);
}

/** What others have put there stays. */
function whenUsed(error: unknown): void {
	if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
}
