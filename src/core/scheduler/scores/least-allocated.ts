/** Prefers nodes with the largest share of CPU and memory free (NodeResourcesFit, LeastAllocated). */
import type { NodeState } from "../node-state.ts";
import { type Candidate, SCORE_MAX, type Scorer } from "../plugin.ts";

export const leastAllocated: Scorer = (candidate) => ({ score: (node) => freeShare(candidate, node) });

function freeShare({ scheduling: { nonZeroRequests } }: Candidate, node: NodeState): number {
	const { allocatable, nonZeroRequested } = node;
	let sum = 0;
	let count = 0;
	if (allocatable.milliCpu > 0) {
		sum += share(allocatable.milliCpu, nonZeroRequested.milliCpu + nonZeroRequests.milliCpu);
		count++;
	}
	if (allocatable.memoryBytes > 0) {
		sum += share(allocatable.memoryBytes, nonZeroRequested.memoryBytes + nonZeroRequests.memoryBytes);
		count++;
	}
	return count === 0 ? 0 : Math.trunc(sum / count);
}

function share(capacity: number, used: number): number {
	return used > capacity ? 0 : Math.trunc(((capacity - used) * SCORE_MAX) / capacity);
}
