import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { ContainerdRuntime } from "../../src/agent/runtime/containerd/containerd-runtime.ts";
import { containerdPaths } from "../../src/agent/runtime/containerd/daemon.ts";
import { describeRuntime, Harness, processesNaming, type RuntimeUnderTest } from "./runtime-contract.ts";

const POD_CIDR = "10.199.0.0/24";

/** Processes, mounts, cgroups, rules, and routes to interfaces. */
function leftovers(dataDir: string): string {
	const { instance } = containerdPaths(dataDir);
	const found = (command: string): string => execFileSync("sh", ["-c", `${command}; true`], { encoding: "utf8" });
	const rules = found("nft list tables").split("\n");
	const routes = found("ip route").split("\n");
	return [
		...processesNaming(dataDir),
		...readFileSync("/proc/self/mountinfo", "utf8")
			.split("\n")
			.filter((line) => line.includes(dataDir)),
		...rules.filter((line) => line.includes(instance)),
		...routes.filter((line) => line.startsWith("10.199.0.")),
		found(`find /sys/fs/cgroup -maxdepth 2 -name '*${instance}*'; ls /run | grep ${instance}`),
	].join("\n");
}

const under: RuntimeUnderTest = {
	create: (dataDir) => new ContainerdRuntime({ dataDir, containerd: "containerd", cniPluginDir: "/usr/lib/cni" }),
	prepare: (runtime) => (runtime as ContainerdRuntime).setPodCidr(POD_CIDR),
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
