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
	create: (dataDir) => new ContainerdRuntime({ dataDir, containerd: "containerd", cniPluginDir: "/usr/lib/cni", podPidsLimit: 500 }),
	prepare: (runtime) => (runtime as ContainerdRuntime).setPodCidrs([POD_CIDR]),
	leftovers,
};

describeRuntime("containerd runtime", under);

/** A file of the pod's own cgroup, whichever version has it. */
function podCgroupFile(instance: string, ...names: string[]): string {
	const named = names.flatMap((name) => ["-o", "-name", name]).slice(1);
	const find = ["/sys/fs/cgroup", "-maxdepth", "4", "-path", `*petrel-${instance}/poduid-*`, "(", ...named, ")", "-exec", "cat", "{}", "+"];
	return execFileSync("find", find, { encoding: "utf8" }).trim();
}

test("containerd is started again when it is killed, and its containers go on in their pod's limits until their own signal", { timeout: 60_000 }, async () => {
	const harness = new Harness(under);
	await harness.start();
	const script = "trap 'exit 9' USR1; while :; do sleep 0.1; done";
	const running = await harness.run({ command: ["sh", "-c", script] }, {}, { resources: { limits: { cpu: "1", memory: "64Mi" } } });
	const { instance } = containerdPaths(harness.dataDir);
	expect(podCgroupFile(instance, "memory.max", "memory.limit_in_bytes")).toBe(String(64 * 1024 * 1024));
	expect(podCgroupFile(instance, "pids.max")).toBe("500");
	const pid = Number(readFileSync(join(harness.dataDir, "containerd", "containerd.pid"), "utf8"));
	process.kill(pid, "SIGKILL");
	await vi.waitFor(async () => expect(await harness.state(running.id)).toMatchObject({ state: "running" }), { timeout: 20_000 });
	expect((await harness.exec(running.id, ["echo", "still"])).stdout).toBe("still\n");
	expect(Number(readFileSync(join(harness.dataDir, "containerd", "containerd.pid"), "utf8"))).not.toBe(pid);
	await harness.runtime.stopContainer(running.id, 20, "SIGUSR1");
	expect(await harness.state(running.id)).toMatchObject({ state: "exited", exitCode: 9 });
	await harness.runtime.stop({ removeAll: true });
	expect(leftovers(harness.dataDir).trim()).toBe("");
	rmSync(harness.dataDir, { recursive: true });
});
