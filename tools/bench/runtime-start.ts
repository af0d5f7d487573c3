/** How long the container runtime alone takes for pods like those of pod-start.ts: sandbox, container, start, as many at once as the agent does. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_PARALLEL_STARTS, PARALLEL_STARTS_PER_CORE } from "../../src/agent/agent.ts";
import { buildExampleImage } from "../../src/agent/image/example-image.ts";
import { Limiter } from "../../src/agent/limiter.ts";
import { createRuntime } from "../../src/agent/runtime/detect.ts";
import type { ContainerRuntime, SandboxConfig } from "../../src/agent/runtime/runtime.ts";
import type { Container, Pod } from "../../src/core/schema/kubernetes.d.ts";

const POD_CIDR = "10.205.0.0/24";

async function startOne(runtime: ContainerRuntime, directory: string, image: string, name: string): Promise<void> {
	const container: Container = { name: "main", image };
	const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", uid: name }, spec: { containers: [container] } };
	const dns = { servers: ["10.96.0.10"], searches: [], options: [] };
	const config: SandboxConfig = { pod, attempt: 0, hostname: name, logDirectory: join(directory, "logs", name), dns, cgroupParent: "" };
	const sandbox = await runtime.runSandbox(config);
	const main = { pod, container, attempt: 0, imageRef: image, env: [], mounts: [], devices: [], logPath: "main.log", specHash: "hash" };
	await runtime.startContainer(await runtime.createContainer(sandbox.id, main, config));
}

/** Milliseconds from the first call until each pod runs, for each number of pods. */
export async function measureRuntimeStart(counts: readonly number[]): Promise<Map<number, number[]>> {
	const directory = mkdtempSync(join(tmpdir(), "petrel-bench-runtime-"));
	const { ref, tarPath } = await buildExampleImage({ dataDir: directory });
	const found = new Map<number, number[]>();
	for (const count of counts) {
		const runtime = await createRuntime("containerd", { dataDir: directory });
		try {
			await runtime.start();
			await runtime.setPodCidrs?.([POD_CIDR]);
			await runtime.importImage(tarPath);
			const limit = new Limiter(Math.min(MAX_PARALLEL_STARTS, PARALLEL_STARTS_PER_CORE * availableParallelism()));
			const names = Array.from({ length: count }, (_, index) => `bench-${count}-${index}`);
			const startMs = performance.now();
			const times = names.map((name) => limit.run(() => startOne(runtime, directory, ref, name)).then(() => performance.now() - startMs));
			found.set(count, await Promise.all(times));
		} finally {
			await runtime.stop({ removeAll: true });
		}
	}
	rmSync(directory, { recursive: true, force: true });
	return found;
}
