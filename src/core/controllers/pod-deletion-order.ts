/** Which of several alike pods goes first when there are too many (ActivePodsWithRanks of k8s.io/kubernetes/pkg/controller). */
import type { Pod } from "../schema/kubernetes.d.ts";
import { timeMs } from "./meta-time.ts";
import { isReady, readySinceMs } from "./pod-state.ts";

/** Pods with a lower cost go first; default 0 (KEP-2255). */
export const POD_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const PHASE_ORDER: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };
/** Ages are compared in powers of two of nanoseconds, as upstream does (KEP-2185). */
const NS_PER_MS = 1e6;

/** `related` are the pods whose number on a node makes a pod there "doubled up". */
export function deletionOrder(pods: readonly Pod[], related: readonly Pod[], nowMs: number): Pod[] {
	const onNode = new Map<string, number>();
	for (const pod of related) {
		const node = pod.spec?.nodeName;
		if (node) onNode.set(node, (onNode.get(node) ?? 0) + 1);
	}
	const ranked = pods.map((pod) => ({ pod, rank: onNode.get(pod.spec?.nodeName ?? "") ?? 0 }));
	ranked.sort((a, b) => compare(a, b, nowMs));
	return ranked.map(({ pod }) => pod);
}

interface Ranked {
	pod: Pod;
	rank: number;
}

/** Negative when `a` goes first. */
function compare(a: Ranked, b: Ranked, nowMs: number): number {
	return (
		Number(Boolean(a.pod.spec?.nodeName)) - Number(Boolean(b.pod.spec?.nodeName)) ||
		phaseOrder(a.pod) - phaseOrder(b.pod) ||
		Number(isReady(a.pod)) - Number(isReady(b.pod)) ||
		deletionCost(a.pod) - deletionCost(b.pod) ||
		b.rank - a.rank ||
		compareAge(readySinceMs(a.pod), readySinceMs(b.pod), a, b, nowMs) ||
		restarts(b.pod) - restarts(a.pod) ||
		compareAge(timeMs(a.pod.metadata.creationTimestamp), timeMs(b.pod.metadata.creationTimestamp), a, b, nowMs)
	);
}

const phaseOrder = (pod: Pod): number => PHASE_ORDER[pod.status?.phase ?? "Pending"] ?? 0;

function deletionCost(pod: Pod): number {
	const text = pod.metadata.annotations?.[POD_DELETION_COST] ?? "0";
	return /^-?(0|[1-9][0-9]*)$/.test(text) ? Number(text) : 0;
}

function restarts(pod: Pod): number {
	return (pod.status?.containerStatuses ?? []).reduce((most, c) => Math.max(most, c.restartCount), 0);
}

/** The younger goes first; about equally old ones by uid, which spreads deletions over old and new. */
function compareAge(aMs: number | undefined, bMs: number | undefined, a: Ranked, b: Ranked, nowMs: number): number {
	if (aMs === bMs) return 0;
	if (aMs === undefined || bMs === undefined) return aMs === undefined ? -1 : 1;
	const difference = ageRank(aMs, nowMs) - ageRank(bMs, nowMs);
	if (difference !== 0) return difference;
	return (a.pod.metadata.uid ?? "") < (b.pod.metadata.uid ?? "") ? -1 : 1;
}

function ageRank(sinceMs: number, nowMs: number): number {
	const ageMs = nowMs - sinceMs;
	return ageMs > 0 ? Math.floor(Math.log2(ageMs * NS_PER_MS)) : -1;
}
