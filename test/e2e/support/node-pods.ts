/** What a node really runs, whatever its agent or the control plane say: each pod has a cgroup named after its uid. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { containerdPaths } from "../../../src/agent/runtime/containerd/daemon.ts";

const CGROUP_ROOT = "/sys/fs/cgroup";

/** Uids of the pods that containerd runs for the agent with this data directory, sorted. */
export function podsOnNode(agentDirectory: string): string[] {
	const name = `petrel-${containerdPaths(agentDirectory).instance}`;
	const parents = [CGROUP_ROOT, ...readdirSync(CGROUP_ROOT).map((entry) => join(CGROUP_ROOT, entry))].map((root) => join(root, name));
	const uids = parents.filter((parent) => existsSync(parent)).flatMap((parent) => readdirSync(parent).filter((entry) => entry.startsWith("pod")));
	return [...new Set(uids.map((entry) => entry.slice("pod".length)))].sort();
}
