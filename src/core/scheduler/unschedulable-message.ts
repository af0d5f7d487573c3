/** Why no node will do, in kube-scheduler's words (framework.FitError). */
import type { NodeState } from "./node-state.ts";
import type { Candidate, Rejection } from "./plugin.ts";

const NO_NODES = "no nodes available to schedule pods";
const NO_VICTIMS = "No preemption victims found for incoming pod";
const NOT_HELPFUL = "Preemption is not helpful for scheduling";

/** `rejections` has every node there is. */
export function unschedulableMessage(candidate: Candidate, rejections: ReadonlyMap<NodeState, Rejection>): string {
	if (rejections.size === 0) return NO_NODES;
	const reasons = [...rejections.values()].flatMap((rejection) => rejection.reasons);
	return `${available(rejections.size, reasons)}${preemption(candidate, rejections)}`;
}

function available(nodes: number, reasons: readonly string[]): string {
	const counts = new Map<string, number>();
	for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
	const texts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
	return `0/${nodes} nodes are available: ${texts.join(", ")}.`;
}

/** Said where it is known that no pod could be made to give way; nothing is said where there are pods of lower priority. */
function preemption({ pod, scheduling }: Candidate, rejections: ReadonlyMap<NodeState, Rejection>): string {
	if (pod.spec?.preemptionPolicy === "Never") return " preemption: not eligible due to preemptionPolicy=Never.";
	const reasons: string[] = [];
	for (const [node, { resolvable }] of rejections) {
		if (resolvable && [...node.placements.values()].some((placement) => placement.pod.priority < scheduling.priority)) return "";
		reasons.push(resolvable ? NO_VICTIMS : NOT_HELPFUL);
	}
	return ` preemption: ${available(rejections.size, reasons)}`;
}
