/** Prefers nodes with the largest share of their resources free (NodeResourcesFit, LeastAllocated). */
import { type Allocation, meanScore } from "../allocation.ts";
import type { ResourceSpec } from "../configuration/plugin-args.ts";
import { SCORE_MAX, type Scorer } from "../plugin.ts";

export function leastAllocatedOf(resources: readonly ResourceSpec[]): Scorer {
	const mean = meanScore(resources, freeShare);
	return (candidate) => ({ score: (node) => mean(candidate, node) });
}

const freeShare = ({ requested, allocatable }: Allocation): number =>
	requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * SCORE_MAX) / allocatable);
