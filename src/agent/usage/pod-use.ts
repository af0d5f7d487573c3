/** What each pod uses of memory and, when it is asked for, of the node's disk: what eviction compares. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Pod } from "../../core/schema/kubernetes.d.ts";
import type { PodUse } from "../eviction/eviction-order.ts";
import { podPaths, podRef } from "../pod-names.ts";
import type { ContainerRuntime, ContainerStateInfo, ContainerUsage } from "../runtime/runtime.ts";
import { directoryUse, type DiskUse } from "./disk-usage.ts";

/** Kubelet's directory of a pod's emptyDirs. */
const EMPTY_DIRS = "kubernetes.io~empty-dir";

export interface PodUseOptions {
	runtime: Pick<ContainerRuntime, "containerUsage">;
	/** All containers of the node. */
	containers(): readonly ContainerStateInfo[];
	dataDirectory: string;
}

/** By uid. Rejects when the runtime does not answer. */
export async function podUses(options: PodUseOptions, pods: readonly Pod[], withDisk: boolean): Promise<Map<string, PodUse>> {
	const usages = new Map((await options.runtime.containerUsage()).map((usage) => [usage.id, usage]));
	const running = Map.groupBy(
		options.containers().filter(({ state }) => state === "running"),
		({ podUid }) => podUid,
	);
	const result = new Map<string, PodUse>();
	for (const pod of pods) {
		const uid = pod.metadata.uid ?? "";
		result.set(uid, await useOf(options.dataDirectory, pod, running.get(uid) ?? [], usages, withDisk));
	}
	return result;
}

async function useOf(
	dataDirectory: string,
	pod: Pod,
	running: readonly ContainerStateInfo[],
	usages: ReadonlyMap<string, ContainerUsage>,
	withDisk: boolean,
): Promise<PodUse> {
	const paths = podPaths(dataDirectory, podRef(pod));
	const containers = [];
	let inodes = 0;
	for (const { id, name } of running) {
		const usage = usages.get(id);
		const logs: DiskUse = withDisk ? await directoryUse(join(paths.logDirectory, name)) : { bytes: 0, inodes: 0 };
		inodes += logs.inodes + (usage?.disk?.inodes ?? 0);
		containers.push({ name, memoryBytes: usage?.memoryBytes ?? 0, diskBytes: logs.bytes + (usage?.disk?.bytes ?? 0) });
	}
	const volumes: Record<string, number> = {};
	if (withDisk) {
		const root = join(paths.volumesDirectory, EMPTY_DIRS);
		for (const name of await readdir(root).catch(() => [])) {
			const use = await directoryUse(join(root, name));
			volumes[name] = inMemory(pod, name) ? 0 : use.bytes;
			inodes += use.inodes;
		}
	}
	const sum = (values: number[]): number => values.reduce((total, one) => total + one, 0);
	const diskBytes = sum(containers.map((one) => one.diskBytes)) + sum(Object.values(volumes));
	return { memoryBytes: sum(containers.map((one) => one.memoryBytes)), diskBytes, inodes, containers, volumes };
}

const inMemory = (pod: Pod, volume: string): boolean => pod.spec?.volumes?.find(({ name }) => name === volume)?.emptyDir?.medium === "Memory";
