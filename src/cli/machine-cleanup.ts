/** Removes from the machine what an agent that was killed has left: pods, their mounts and interfaces, its firewall rules. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { releaseKubeletRoot } from "../agent/kubelet-root.ts";
import { networkPolicies, podRoutes, serviceProxy } from "../agent/main.ts";
import { clusterAddresses } from "../agent/network/cluster-services.ts";
import { createRuntime, type RuntimeKind } from "../agent/runtime/detect.ts";

const RUNTIMES: readonly RuntimeKind[] = ["process", "containerd"];

/** Nothing is touched for a runtime that this data directory was never used with. */
export async function cleanMachine(directory: string): Promise<void> {
	const dataDir = resolve(directory);
	for (const kind of RUNTIMES) {
		if (!existsSync(join(dataDir, kind))) continue;
		const runtime = await createRuntime(kind, { dataDir });
		await runtime.start();
		await runtime.stop({ removeAll: true });
		await serviceProxy(kind, dataDir, "").stop({ removeAll: true });
		await releaseKubeletRoot(dataDir);
		if (kind !== "containerd") continue;
		await clusterAddresses().remove();
		await podRoutes(dataDir, "", "").stop({ removeAll: true });
		await networkPolicies(dataDir, "").stop({ removeAll: true });
	}
}
