/** Which pods must leave a node for its NoExecute taints, and when the next one must (taint-eviction-controller). */
import type { PodRef } from "../protocol/messages.ts";
import type { Pod, Taint } from "../schema/kubernetes.d.ts";
import { podRefOf } from "../scheduler/scheduling-pod.ts";
import { tolerates } from "../scheduler/tolerations.ts";
import { isBeingDeleted } from "./identity.ts";
import { timeMs } from "./meta-time.ts";

export interface Evictions {
	evict: PodRef[];
	/** When the next toleration runs out. */
	nextAtMs?: number;
}

export function evictions(pods: readonly Pod[], taints: readonly Taint[], nowMs: number): Evictions {
	const result: Evictions = { evict: [] };
	const executing = taints.filter((taint) => taint.effect === "NoExecute");
	for (const pod of pods) {
		const atMs = isBeingDeleted(pod) ? undefined : evictionMs(pod, executing, nowMs);
		if (atMs === undefined) continue;
		if (atMs <= nowMs) result.evict.push(podRefOf(pod));
		else result.nextAtMs = Math.min(result.nextAtMs ?? atMs, atMs);
	}
	return result;
}

/** When the pod must go; undefined for never. */
function evictionMs(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
	let earliest: number | undefined;
	for (const taint of taints) {
		const matching = (pod.spec?.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
		if (matching.length === 0) return nowMs;
		const seconds = matching.map((toleration) => toleration.tolerationSeconds).filter((limit) => limit !== undefined);
		if (seconds.length === 0) continue;
		const atMs = sinceMs(pod, taint, nowMs) + Math.max(0, Math.min(...seconds)) * 1000;
		earliest = earliest === undefined ? atMs : Math.min(earliest, atMs);
	}
	return earliest;
}

/** A toleration counts from when both the taint and the pod were there. */
function sinceMs(pod: Pod, taint: Taint, nowMs: number): number {
	const podMs = timeMs(pod.status?.startTime) ?? timeMs(pod.metadata.creationTimestamp) ?? 0;
	return Math.max(timeMs(taint.timeAdded) ?? nowMs, podMs);
}
