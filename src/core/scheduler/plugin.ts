/** What a filter and a score are, and the pod they judge nodes for. */
import type { PodRef } from "../protocol/messages.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import type { Ledger } from "./ledger.ts";
import type { NodeState } from "./node-state.ts";
import type { SchedulingPod } from "./scheduling-pod.ts";

export interface Candidate {
	ref: PodRef;
	pod: Pod;
	/** What the ledger will remember of it. */
	scheduling: SchedulingPod;
}

/** Why a node will not do. */
export interface Rejection {
	/** In kube-scheduler's words; more than one for several missing resources. */
	reasons: readonly string[];
	/** Whether pods that went away from the node could make it do. */
	resolvable: boolean;
}

/** Judges one node: undefined when it will do. */
export type NodeCheck = (node: NodeState) => Rejection | undefined;
/** Made once for each pod; undefined when there is nothing to check for this one. */
export type Filter = (candidate: Candidate, ledger: Ledger) => NodeCheck | undefined;

export const SCORE_MAX = 100;

export interface NodeScore {
	/** Any number; `normalize` brings it into 0..SCORE_MAX, or it is in there already. */
	score(node: NodeState): number;
	normalize?(scores: number[]): void;
}
/** Made once for each pod and the nodes that will do; undefined when all nodes would score alike. */
export type Scorer = (candidate: Candidate, ledger: Ledger, feasible: readonly NodeState[]) => NodeScore | undefined;

/** Scales to 0..SCORE_MAX by the largest; `reverse` makes the smallest the best (DefaultNormalizeScore). */
export function scaleByMax(scores: number[], reverse = false): void {
	const max = scores.reduce((most, score) => Math.max(most, score), 0);
	for (let i = 0; i < scores.length; i++) {
		const scaled = max === 0 ? 0 : Math.trunc((SCORE_MAX * (scores[i] ?? 0)) / max);
		scores[i] = reverse ? SCORE_MAX - scaled : scaled;
	}
}
