/** Removes what a pod no longer needs: kubelet keeps one dead container of each name, for its log and last state. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { PodContext } from "./pod-context.ts";
import { latestSandbox } from "./pod-lifecycle.ts";
import { containerLogPath, type PodPaths, terminationMessageFile } from "./pod-names.ts";
import type { ContainerStateInfo } from "./runtime/runtime.ts";
import { removeLogs } from "./log-rotation.ts";
import type { PodSnapshot } from "./runtime-view.ts";

/** Dead ones kept beside a container that runs. */
export const DEAD_CONTAINERS_KEPT = 1;

export function collectable(containers: readonly ContainerStateInfo[]): ContainerStateInfo[] {
	const byName = Map.groupBy(containers, (c) => c.name);
	const out: ContainerStateInfo[] = [];
	for (const group of byName.values()) {
		const newestFirst = [...group].sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
		out.push(...newestFirst.slice(1 + DEAD_CONTAINERS_KEPT).filter((c) => c.state !== "running"));
	}
	return out;
}

export async function collectContainers(context: PodContext, paths: PodPaths, snapshot: PodSnapshot): Promise<void> {
	const dead = collectable(snapshot.containers);
	for (const container of dead) {
		await context.runtime.removeContainer(container.id);
		await removeLogs(join(paths.logDirectory, containerLogPath(container.name, container.attempt)));
		await rm(terminationMessageFile(paths, container.name, container.attempt), { force: true });
	}
	const gone = new Set(dead.map((c) => c.id));
	const current = latestSandbox(snapshot.sandboxes);
	for (const sandbox of snapshot.sandboxes) {
		const used = snapshot.containers.some((c) => c.sandboxId === sandbox.id && !gone.has(c.id));
		if (sandbox === current || used) continue;
		await context.runtime.stopSandbox(sandbox.id);
		await context.runtime.removeSandbox(sandbox.id);
	}
}
