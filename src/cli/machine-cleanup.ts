/** Removes from the machine what an agent that was killed has left: pods, their mounts and interfaces, its firewall rules. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { releaseKubeletRoot } from "../agent/kubelet-root.ts";
import { savedNetwork } from "../agent/identity.ts";
import { networkPolicies, podRoutes, serviceProxy } from "../agent/main.ts";
import { clusterAddresses } from "../agent/network/cluster-services.ts";
import { DEFAULT_FAMILY_NETWORK, type FamilyNetwork, NFT_FAMILIES } from "../agent/network/nft-family.ts";
import { createRuntime, type RuntimeKind } from "../agent/runtime/detect.ts";

/** Tables are removed by their names: of each IP family, whatever the cluster's network was. */
const FAMILIES = NFT_FAMILIES.map((family): FamilyNetwork => ({ ...DEFAULT_FAMILY_NETWORK, family }));
const RUNTIMES: readonly RuntimeKind[] = ["process", "containerd"];

/** Nothing is touched for a runtime that this data directory was never used with. */
export async function cleanMachine(directory: string): Promise<void> {
	const dataDir = resolve(directory);
	for (const kind of RUNTIMES) {
		if (!existsSync(join(dataDir, kind))) continue;
		const runtime = await createRuntime(kind, { dataDir });
		await runtime.start();
		await runtime.stop({ removeAll: true });
		for (const network of FAMILIES) await serviceProxy(kind, dataDir, "", network).stop({ removeAll: true });
		await releaseKubeletRoot(dataDir);
		if (kind !== "containerd") continue;
		await clusterAddresses(await savedNetwork(dataDir)).remove();
		await podRoutes(dataDir, "", { podCidr: "" }).stop({ removeAll: true });
		for (const family of FAMILIES) await networkPolicies(dataDir, "", family).stop({ removeAll: true });
	}
}
