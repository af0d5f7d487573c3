/** Prefers nodes with the largest share of CPU and memory free (NodeResourcesFit, LeastAllocated). */
import type { NodeState } from "../node-state.ts";
import { type Candidate, SCORE_MAX, type Scorer } from "../plugin.ts";

export const leastAllocated: Scorer = (candidate) => ({ score: (node) => freeShare(candidate, node) });

function freeShare({ scheduling: { nonZeroRequests } }: Candidate, node: NodeState): number {
	const { allocatable, nonZeroRequested } = node;
	const shares: number[] = [];
	if (allocatable.milliCpu > 0) shares.push(share(allocatable.milliCpu, nonZeroRequested.milliCpu + nonZeroRequests.milliCpu));
	if (allocatable.memoryBytes > 0) shares.push(share(allocatable.memoryBytes, nonZeroRequested.memoryBytes + nonZeroRequests.memoryBytes));
	return shares.length === 0 ? 0 : Math.trunc(shares.reduce((a, b) => a + b, 0) / shares.length);
}

function share(capacity: number, used: number): number {
	return used > capacity ? 0 : Math.trunc(((capacity - used) * SCORE_MAX) / capacity);
}
