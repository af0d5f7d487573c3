/** What a pod's status says of it, as k8s.io/kubernetes/pkg/api/v1/pod and controller_utils read it. */
import type { Pod, PodCondition } from "../schema/kubernetes.d.ts";
import { isBeingDeleted } from "./identity.ts";
import { timeMs } from "./meta-time.ts";

export const isFinished = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
/** Neither finished nor on its way out. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isBeingDeleted(pod);
export const isTerminating = (pod: Pod): boolean => !isFinished(pod) && isBeingDeleted(pod);

export const podCondition = (pod: Pod, type: string): PodCondition | undefined => pod.status?.conditions?.find((c) => c.type === type);
export const isReady = (pod: Pod): boolean => podCondition(pod, "Ready")?.status === "True";
export const readySinceMs = (pod: Pod): number | undefined => (isReady(pod) ? timeMs(podCondition(pod, "Ready")?.lastTransitionTime) : undefined);

/**
 * Milliseconds until a ready pod counts as available: 0 when it does, undefined when it is not ready and so no amount of
 * waiting alone makes it so.
 */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
	if (!isReady(pod)) return undefined;
	if (minReadySeconds === 0) return 0;
	const since = readySinceMs(pod);
	return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1000 - nowMs);
}

export const isAvailable = (pod: Pod, minReadySeconds: number, nowMs: number): boolean => availableInMs(pod, minReadySeconds, nowMs) === 0;
