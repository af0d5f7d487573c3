/** How the pods of one schedulerName are placed: a profile of the scheduler's configuration, its plugins made. */
import type { FilterPlugin, Scorer } from "./plugin.ts";

export interface WeightedScorer {
	scorer: Scorer;
	weight: number;
}

/** How many nodes that would do with victims are compared: the larger of both counts (DefaultPreemptionArgs). */
export interface PreemptionArgs {
	minCandidateNodesPercentage: number;
	minCandidateNodesAbsolute: number;
}

export interface Profile {
	schedulerName: string;
	/** In the order in which a node is asked. */
	filters: readonly FilterPlugin[];
	scorers: readonly WeightedScorer[];
	/** Undefined where no pod makes way for another. */
	preemption: PreemptionArgs | undefined;
	/** Of the nodes that will do, enough to choose from; 0 for the share that their number makes sensible. */
	percentageOfNodesToScore: number;
}
