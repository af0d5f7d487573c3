/**
 * What this machine's suite consists of: every runtime that can run here. A machine with neither containerd nor the means
 * to install it (root and apt-get) has the suite of the process runtime, as its users have that runtime alone.
 */
import { accessSync, constants, existsSync } from "node:fs";
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

export const canInstall = isRoot && onPath("apt-get");

/** Whether containers run here, once what is missing is installed. */
export const canRunContainers = canInstall || (isRoot && onPath("containerd") && onPath("runc") && onPath("nft"));
/** Whether nodes can be given networks of their own. */
const canMakeNetworks = isRoot && onPath("ip");

/** Debian's package of the Python client, for Debian's own interpreter. */
export const PYTHON_CLIENT_PACKAGE = "python3-kubernetes";
export const isPythonClientInstalled = (): boolean => existsSync("/usr/lib/python3/dist-packages/kubernetes/__init__.py");
export const hasPythonClient = canInstall || isPythonClientInstalled();

export const testableRuntimes: readonly Runtime[] = canRunContainers ? ["process", "containerd"] : ["process"];

/** The runtime that `petrel up` takes here. */
export const bestRuntime: Runtime = canRunContainers ? "containerd" : "process";

interface Absent {
	file: string;
	lacks: string;
}

/** Pods with networks of their own, and the containerd runtime itself. */
const NEED_CONTAINERS = [
	"test/e2e/cluster-network.test.ts",
	"test/e2e/node-behind-nat.test.ts",
	"test/e2e/network-nodes.test.ts",
	"test/e2e/runtime-containerd.test.ts",
];

/** Files of tests that are not part of this machine's suite, and why. */
export const absentFiles: readonly Absent[] = [
	...(canRunContainers ? [] : NEED_CONTAINERS.map((file) => ({ file, lacks: "containerd, runc and nftables, or root and apt-get to install them" }))),
	...(canMakeNetworks ? [] : [{ file: "test/e2e/node-loss.test.ts", lacks: "root and iproute2, to give nodes networks of their own" }]),
];

/** As `absentFiles`, of parts of files. */
export const absentParts: readonly Absent[] = hasPythonClient ? [] : [{ file: "the Python client in test/e2e/clients.test.ts", lacks: PYTHON_CLIENT_PACKAGE }];
