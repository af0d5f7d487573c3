/** Prefers nodes with the largest share of their resources in use: few nodes, well filled (NodeResourcesFit, MostAllocated). */
import { type Allocation, meanScore } from "../allocation.ts";
import type { ResourceSpec } from "../configuration/plugin-args.ts";
import { SCORE_MAX, type Scorer } from "../plugin.ts";

export function mostAllocatedOf(resources: readonly ResourceSpec[]): Scorer {
	const mean = meanScore(resources, usedShare);
	return (candidate) => ({ score: (node) => mean(candidate, node) });
}

/** Pods that ask for nothing count as if they did, so more than all may be in use. */
const usedShare = ({ requested, allocatable }: Allocation): number => Math.trunc((Math.min(requested, allocatable) * SCORE_MAX) / allocatable);
