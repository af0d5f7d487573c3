/** Prefers nodes whose resources would be used to a like share (NodeResourcesBalancedAllocation). */
import { type AllocationOf, allocationOf } from "../allocation.ts";
import type { ResourceSpec } from "../configuration/plugin-args.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, SCORE_MAX, type Scorer } from "../plugin.ts";

/** A pod that asks for nothing balances nothing. */
export function balancedAllocationOf(resources: readonly ResourceSpec[]): Scorer {
	const parts = resources.map((resource) => allocationOf(resource, false));
	return (candidate) => {
		const { requests } = candidate.scheduling;
		const asksFor = (name: string): number => (name === "cpu" ? requests.milliCpu : name === "memory" ? requests.memoryBytes : (requests.other[name] ?? 0));
		if (resources.every(({ name }) => asksFor(name) === 0)) return undefined;
		return { score: (node) => Math.trunc((1 - deviation(candidate, node, parts)) * SCORE_MAX) };
	};
}

/** The standard deviation of the shares: of two it is half their difference. */
function deviation(candidate: Candidate, node: NodeState, parts: readonly AllocationOf[]): number {
	const shares: number[] = [];
	for (const of of parts) {
		const { requested, allocatable } = of(candidate, node);
		if (allocatable > 0) shares.push(Math.min(1, requested / allocatable));
	}
	if (shares.length < 2) return 0;
	if (shares.length === 2) return Math.abs((shares[0] ?? 0) - (shares[1] ?? 0)) / 2;
	const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
	return Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
}
