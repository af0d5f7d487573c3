/** The private containerd's pod network: CNI's `ptp` plugin with addresses from the node's pod range. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requireNetwork } from "../../network/nft.ts";
import { nftFamilyOf } from "../../network/nft-family.ts";
import type { ContainerdPaths } from "./daemon.ts";

const CONFIG_NAME = "10-petrel.conflist";

/** containerd watches the directory and takes the file in by itself. */
export async function writeNetworkConfig(paths: ContainerdPaths, podCidrs: readonly string[], mtu: number): Promise<void> {
	const ranges = podCidrs.map((subnet) => [{ subnet: requireNetwork(subnet, nftFamilyOf(subnet)) }]);
	const routes = podCidrs.map((subnet) => ({ dst: nftFamilyOf(subnet) === "ip6" ? "::/0" : "0.0.0.0/0" }));
	const config = {
		cniVersion: "0.4.0",
		name: `petrel-${paths.instance}`,
		plugins: [
			{
				type: "ptp",
				ipMasq: false,
				mtu,
				ipam: { type: "host-local", dataDir: paths.cniData, ranges, routes },
			},
		],
	};
	await mkdir(paths.cniConfig, { recursive: true, mode: 0o711 });
	const path = join(paths.cniConfig, CONFIG_NAME);
	await writeFile(`${path}.part`, JSON.stringify(config));
	await rename(`${path}.part`, path);
}
