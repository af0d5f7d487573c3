/** Prefers nodes whose CPU and memory would be used to a like share (NodeResourcesBalancedAllocation). */
import type { NodeState } from "../node-state.ts";
import { SCORE_MAX, type Scorer } from "../plugin.ts";
import type { Resources } from "../resources.ts";

/** A pod that asks for nothing balances nothing. */
export const balancedAllocation: Scorer = ({ scheduling: { requests } }) => {
	if (requests.milliCpu === 0 && requests.memoryBytes === 0) return undefined;
	return { score: (node) => balance(requests, node) };
};

/** The standard deviation of two shares is half their difference. */
function balance(requests: Resources, { allocatable, requested }: NodeState): number {
	if (allocatable.milliCpu === 0 || allocatable.memoryBytes === 0) return SCORE_MAX;
	const cpu = Math.min(1, (requested.milliCpu + requests.milliCpu) / allocatable.milliCpu);
	const memory = Math.min(1, (requested.memoryBytes + requests.memoryBytes) / allocatable.memoryBytes);
	return Math.trunc((1 - Math.abs(cpu - memory) / 2) * SCORE_MAX);
}
