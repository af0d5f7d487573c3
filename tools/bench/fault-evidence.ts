/**
 * What to look at when something outlives a fault: what the runtime holds and what each shim and containerd itself are doing, while they
 * are still at it, and the ends of the logs.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { containerdPaths } from "../../src/agent/runtime/containerd/daemon.ts";
import { readNode } from "../../test/e2e/support/node-contents.ts";
import { containerdProcess, shims } from "../../test/e2e/support/node-processes.ts";
import type { RemoteNode } from "../../test/e2e/support/remote-node.ts";

const LOG_CHARACTERS = 40_000;
const COMMAND_TIMEOUT_MS = 10_000;
/** containerd writes the stacks of its goroutines to its log when it gets SIGUSR1. */
const STACKS_WAIT_MS = 1_000;

function attempt(what: () => string): string {
	try {
		return what().trim();
	} catch (error) {
		return `(${(error as Error).message})`;
	}
}

const read = (path: string): string => attempt(() => readFileSync(path, "utf8").replaceAll("\0", " "));

function aboutShim(pid: number): string {
	const about = ["cmdline", "wchan", "stack", "task/" + pid + "/children"].map((file) => `${file}: ${read(`/proc/${pid}/${file}`)}`);
	const since = attempt(() => execFileSync("ps", ["-o", "lstart=,etimes=,stat=", "-p", String(pid)], { encoding: "utf8" }));
	return [`shim ${pid}, since ${since}`, ...about].join("\n  ");
}

export async function evidenceOf(node: RemoteNode): Promise<string> {
	const { socket, logFile } = containerdPaths(node.directory);
	const ctr = (...args: string[]) =>
		attempt(() => execFileSync("ctr", ["--address", socket, "--namespace", "k8s.io", ...args], { encoding: "utf8", timeout: COMMAND_TIMEOUT_MS }));
	const contents = await readNode(node).then(
		({ sandboxes, containers }) => JSON.stringify({ sandboxes, containers }, undefined, 1),
		(error: Error) => error.message,
	);
	const stacks = attempt(() => String(process.kill(containerdProcess(node.directory), "SIGUSR1")));
	await delay(STACKS_WAIT_MS);
	return [
		`=== ${node.name}, ${new Date().toISOString()}`,
		contents,
		`tasks:\n${ctr("tasks", "list")}`,
		...shims(node.directory).map(aboutShim),
		`containerd's log (stacks asked for: ${stacks}):\n${read(logFile).slice(-LOG_CHARACTERS)}`,
		node.logs(LOG_CHARACTERS),
	].join("\n");
}
