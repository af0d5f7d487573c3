import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { ContainerdRuntime } from "../../src/agent/runtime/containerd/containerd-runtime.ts";
import { describeRuntime, Harness, type RuntimeUnderTest } from "./runtime-contract.ts";

/** Shims, mounts, interfaces, namespaces, cgroups and rules that carry this runtime's mark or are new. */
function leftovers(): string {
	const script = `ip -o link | sed 's/^[0-9]*: //; s/[@:].*//' | sort; ip netns; nft list tables; grep -c petrel /proc/self/mountinfo
find /sys/fs/cgroup -maxdepth 2 -name '*petrel*'; grep -lz 'containerd-shim' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; ls /run | grep petrel`;
	return execFileSync("sh", ["-c", `${script}; true`], { encoding: "utf8" });
}

const under: RuntimeUnderTest = {
	create: (dataDir) => new ContainerdRuntime({ dataDir, containerd: "containerd", cniPluginDir: "/usr/lib/cni" }),
	prepare: (runtime) => (runtime as ContainerdRuntime).setPodCidr("10.199.0.0/24"),
	leftovers,
};

describeRuntime("containerd runtime", under);

test("containerd is started again when it is killed, and its containers go on", { timeout: 60_000 }, async () => {
	const harness = new Harness(under);
	await harness.start();
	const running = await harness.run();
	const pid = Number(readFileSync(join(harness.dataDir, "containerd", "containerd.pid"), "utf8"));
	process.kill(pid, "SIGKILL");
	await vi.waitFor(async () => expect(await harness.state(running.id)).toMatchObject({ state: "running" }), { timeout: 20_000 });
	expect((await harness.exec(running.id, ["echo", "still"])).stdout).toBe("still\n");
	expect(Number(readFileSync(join(harness.dataDir, "containerd", "containerd.pid"), "utf8"))).not.toBe(pid);
	await harness.runtime.stop({ removeAll: true });
	rmSync(harness.dataDir, { recursive: true });
});
