import { execFileSync } from "node:child_process";
import { ContainerdRuntime } from "../../src/agent/runtime/containerd/containerd-runtime.ts";
import { describeRuntime } from "./runtime-contract.ts";

/** Shims, mounts, interfaces, namespaces, cgroups and rules that carry this runtime's mark or are new. */
function leftovers(): string {
	const script = `ip -o link | sed 's/^[0-9]*: //; s/[@:].*//' | sort; ip netns; nft list tables; grep -c petrel /proc/self/mountinfo
find /sys/fs/cgroup -maxdepth 2 -name '*petrel*'; grep -lz 'containerd-shim' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; ls /run | grep petrel`;
	return execFileSync("sh", ["-c", `${script}; true`], { encoding: "utf8" });
}

describeRuntime("containerd runtime", {
	create: (dataDir) => {
		const runtime = new ContainerdRuntime({ dataDir, containerd: "containerd", cniPluginDir: "/usr/lib/cni" });
		return runtime;
	},
	prepare: (runtime) => (runtime as ContainerdRuntime).setPodCidr("10.199.0.0/24"),
	leftovers,
});
