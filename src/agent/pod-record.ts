/** What the agent must know of a pod after its own restart with the control plane away: that it was over, and how. */
import { readFileIfPresent, writeFileAtomic } from "./atomic-file.ts";
import type { ContainerStatus, PodStatus } from "../core/schema/kubernetes.d.ts";
import { parseJson } from "./control-plane-client.ts";

export async function saveRecord(path: string, status: PodStatus): Promise<void> {
	await writeFileAtomic(path, JSON.stringify({ status }));
}

/** Undefined when there is none, or a torn one: the pod is then judged by its containers alone. */
export async function loadRecord(path: string): Promise<PodStatus | undefined> {
	const text = await readFileIfPresent(path);
	const parsed = text === undefined ? undefined : (parseJson(text) as { status?: PodStatus } | undefined);
	return parsed?.status?.phase ? parsed.status : undefined;
}

/** Restart counts as they were last reported, by container name. */
export function knownRestarts(status: PodStatus | undefined, name: string): number | undefined {
	const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status ?? {};
	const all: ContainerStatus[] = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
	const found = all.find((s) => s.name === name);
	return found?.containerID ? found.restartCount : undefined;
}
