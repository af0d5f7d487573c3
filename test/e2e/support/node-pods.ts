/**
 * What a node really runs, whatever its agent or the control plane say: with containers each pod has a cgroup named after
 * its uid; without, each container has a shim among the machine's processes.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { processesWith } from "./machine-process.ts";
import { podCgroupRoots } from "./node-processes.ts";
import { bestRuntime } from "./runtimes.ts";

function podsWithCgroups(agentDirectory: string): string[] {
	const pods = podCgroupRoots(agentDirectory).flatMap((parent) => readdirSync(parent).filter((entry) => entry.startsWith("pod")));
	return pods.map((entry) => entry.slice("pod".length));
}

function podsWithShims(agentDirectory: string): string[] {
	const containers = join(agentDirectory, "process", "containers");
	const running = readdirSync(containers).filter((id) => processesWith(join(containers, id)).length > 0);
	return running.map((id) => (JSON.parse(readFileSync(join(containers, id, "container.json"), "utf8")) as { podUid: string }).podUid);
}

/** Uids of the pods that run for the agent with this data directory, sorted. */
export function podsOnNode(agentDirectory: string): string[] {
	const pods = bestRuntime === "containerd" ? podsWithCgroups(agentDirectory) : podsWithShims(agentDirectory);
	return [...new Set(pods)].sort();
}
