/** The private containerd's pod network: CNI's `ptp` plugin with addresses from the node's pod range. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requireNetwork } from "../../network/nft.ts";
import type { ContainerdPaths } from "./daemon.ts";

const CONFIG_NAME = "10-petrel.conflist";

/** containerd watches the directory and takes the file in by itself. */
export async function writeNetworkConfig(paths: ContainerdPaths, podCidr: string, mtu: number): Promise<void> {
	const config = {
		cniVersion: "0.4.0",
		name: `petrel-${paths.instance}`,
		plugins: [
			{
				type: "ptp",
				ipMasq: false,
				mtu,
				ipam: { type: "host-local", dataDir: paths.cniData, ranges: [[{ subnet: requireNetwork(podCidr) }]], routes: [{ dst: "0.0.0.0/0" }] },
			},
		],
	};
	await mkdir(paths.cniConfig, { recursive: true, mode: 0o711 });
	const path = join(paths.cniConfig, CONFIG_NAME);
	await writeFile(`${path}.part`, JSON.stringify(config));
	await rename(`${path}.part`, path);
}
