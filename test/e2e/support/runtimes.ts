/**
 * What this machine's suite consists of: every runtime that can run here. A machine with neither containerd nor the means
 * to install it (root and apt-get) has the suite of the process runtime, as its users have that runtime alone.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

type Runtime = "containerd" | "process";

function onPath(program: string): boolean {
	return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
		try {
			accessSync(join(folder, program), constants.X_OK);
			return folder !== "";
		} catch {
			return false;
		}
	});
}

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

/** Whether containers run here, once what is missing is installed. */
export const canRunContainers = isRoot && (onPath("apt-get") || (onPath("containerd") && onPath("runc") && onPath("nft")));
/** Whether nodes can be given networks of their own. */
const canMakeNetworks = isRoot && onPath("ip");

export const testableRuntimes: readonly Runtime[] = canRunContainers ? ["process", "containerd"] : ["process"];

/** The runtime that `petrel up` takes here. */
export const bestRuntime: Runtime = canRunContainers ? "containerd" : "process";

/** Files of tests that are not part of this machine's suite, and why. */
export const absentFiles: readonly { file: string; lacks: string }[] = [
	...(canRunContainers ? [] : [{ file: "test/e2e/runtime-containerd.test.ts", lacks: "containerd, runc and nftables, or root and apt-get to install them" }]),
	...(canMakeNetworks ? [] : [{ file: "test/e2e/node-loss.test.ts", lacks: "root and iproute2, to give nodes networks of their own" }]),
];
