/** The taints that a node's conditions call for (node-lifecycle-controller). */
import type { Node, Taint } from "../schema/kubernetes.d.ts";
import { metaTime } from "./meta-time.ts";

export const NOT_READY = "node.kubernetes.io/not-ready";
export const UNREACHABLE = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
const PRESSURE_TAINTS: Record<string, string> = {
	MemoryPressure: "node.kubernetes.io/memory-pressure",
	DiskPressure: "node.kubernetes.io/disk-pressure",
	PIDPressure: "node.kubernetes.io/pid-pressure",
	NetworkUnavailable: "node.kubernetes.io/network-unavailable",
};
const OWN_KEYS = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE, ...Object.values(PRESSURE_TAINTS)]);

const isEvicting = ({ key, effect }: Taint): boolean => (key === NOT_READY || key === UNREACHABLE) && effect === "NoExecute";
/** Whether its pods are to leave the node for its conditions. */
export const isEvicted = (node: Node): boolean => (node.spec?.taints ?? []).some(isEvicting);

/**
 * The node's taints as they should be: others' stay in their order, those of conditions come and go. What stays keeps its
 * time; a NoExecute taint that somebody set without a time gets one, as tolerations count from it. Unless the node's pods `mayLeave`
 * none is put there that evicts them.
 */
export function taintsFor(node: Node, nowMs: number, mayLeave: boolean): Taint[] {
	const current = node.spec?.taints ?? [];
	const wanted = wantedTaints(node).filter((taint) => mayLeave || !isEvicting(taint));
	const is = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
	const kept = current.filter((taint) => !OWN_KEYS.has(taint.key) || wanted.some((w) => is(w, taint)));
	const added = wanted.filter((taint) => !current.some((c) => is(c, taint)));
	const timed = (taint: Taint): Taint => (taint.effect === "NoExecute" && !taint.timeAdded ? { ...taint, timeAdded: metaTime(nowMs) } : taint);
	return [...kept.map(timed), ...added.map((taint) => ({ ...taint, timeAdded: metaTime(nowMs) }))];
}

function wantedTaints(node: Node): Taint[] {
	const status = (type: string): string | undefined => node.status?.conditions?.find((c) => c.type === type)?.status;
	const taints: Taint[] = [];
	if (node.spec?.unschedulable) taints.push({ key: UNSCHEDULABLE, effect: "NoSchedule" });
	const ready = status("Ready");
	// A node that has never reported takes no pods, but what tolerates that may stay.
	if (ready === undefined) taints.push({ key: NOT_READY, effect: "NoSchedule" });
	else if (ready !== "True") for (const effect of ["NoSchedule", "NoExecute"]) taints.push({ key: ready === "False" ? NOT_READY : UNREACHABLE, effect });
	for (const [type, key] of Object.entries(PRESSURE_TAINTS)) if (status(type) === "True") taints.push({ key, effect: "NoSchedule" });
	return taints;
}
