/** An agent that is killed leaves its containers running, and the next one takes them over. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { buildExampleImage } from "../../src/agent/image/example-image.ts";
import { createRuntime, type RuntimeKind } from "../../src/agent/runtime/detect.ts";
import type { ContainerConfig, SandboxConfig } from "../../src/agent/runtime/runtime.ts";
import type { Container, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { testableRuntimes } from "./support/runtimes.ts";

const POD_CIDR = "10.204.0.0/24";

function orderFor(dataDir: string, ref: string, volume: string): { sandbox: SandboxConfig; container: ContainerConfig } {
	const command = ["sh", "-c", "echo before; while ! [ -e $GO ]; do sleep 0.05; done; echo after; exit 6"];
	const container: Container = { name: "main", image: ref, command };
	const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "orphan", namespace: "default", uid: "uid-orphan" }, spec: { containers: [container] } };
	const dns = { servers: ["10.96.0.10"], searches: [], options: [] };
	const sandbox: SandboxConfig = { pod, attempt: 0, hostname: "orphan", logDirectory: join(dataDir, "logs"), dns, cgroupParent: "" };
	const mounts = [{ hostPath: volume, containerPath: volume, readOnly: false }];
	const env = [{ name: "GO", value: join(volume, "go") }];
	return { sandbox, container: { pod, container, attempt: 0, imageRef: ref, env, command, mounts, devices: [], logPath: "main.log", specHash: "hash" } };
}

/** Runs the agent until it has started the container, then kills it; resolves to the container's id. */
async function startAndKill(order: object): Promise<string> {
	const agent = spawn(process.execPath, [join(import.meta.dirname, "runtime-orphan.ts"), JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"] });
	const exited = once(agent, "exit");
	const [id] = (await Promise.race([once(createInterface({ input: agent.stdout }), "line"), exited])) as [string];
	agent.kill("SIGKILL");
	await exited;
	return id;
}

describe.each<RuntimeKind>(testableRuntimes)("the %s runtime", (kind) => {
	test("keeps a container through kill -9 of the agent, with its output and exit code", { timeout: 60_000 }, async () => {
		const dataDir = mkdtempSync(join(tmpdir(), "petrel-"));
		const volume = mkdtempSync(join(tmpdir(), "petrel-volume-"));
		const { ref, tarPath } = await buildExampleImage({ dataDir });
		const order = orderFor(dataDir, ref, volume);
		const first = await createRuntime(kind, { dataDir });
		await first.start();
		await first.importImage(tarPath);
		await first.stop({ removeAll: false });
		const id = await startAndKill({ kind, dataDir, podCidr: POD_CIDR, ...order });
		const runtime = await createRuntime(kind, { dataDir });
		await runtime.start();
		await runtime.setPodCidrs?.([POD_CIDR]);
		expect(await runtime.listContainers()).toEqual([expect.objectContaining({ id, state: "running", podUid: "uid-orphan" })]);
		const ended = new Promise<void>((resolve) => runtime.onEvent(() => resolve()));
		writeFileSync(join(volume, "go"), "");
		await ended;
		await expect.poll(() => runtime.listContainers(), { timeout: 10_000 }).toEqual([expect.objectContaining({ id, state: "exited", exitCode: 6 })]);
		const lines = readFileSync(join(dataDir, "logs", "main.log"), "utf8")
			.trim()
			.split("\n");
		expect(lines.map((line) => line.split(" ").slice(1).join(" "))).toEqual(["stdout F before", "stdout F after"]);
		await runtime.stop({ removeAll: true });
		for (const directory of [dataDir, volume]) rmSync(directory, { recursive: true });
	});
});
