/** What a filter and a score are, the pod they judge nodes for, and what may happen that changes their judgement. */
import type { PodRef } from "../protocol/messages.ts";
import type { PersistentVolumeClaim, Pod } from "../schema/kubernetes.d.ts";
import type { Ledger } from "./ledger.ts";
import type { NodeState } from "./node-state.ts";
import type { Profile } from "./profile.ts";
import type { Placement, SchedulingPod } from "./scheduling-pod.ts";

export interface Candidate {
	ref: PodRef;
	pod: Pod;
	/** What the ledger will remember of it. */
	scheduling: SchedulingPod;
	/** The PersistentVolumeClaims that its volumes name, as far as they exist. */
	volumeClaims: readonly PersistentVolumeClaim[];
	/** How pods of its schedulerName are placed. */
	profile: Profile;
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

/** Why no node at all will do. */
export interface Refusal {
	refusal: string;
}

/** What may let a pod be placed that could not be. */
export type Happening =
	| { type: "nodeAdded"; node: NodeState }
	| { type: "nodeUpdated"; node: NodeState; changed: ReadonlySet<NodeAspect> }
	| { type: "nodeDeleted" }
	| { type: "podAdded" | "podRemoved"; placement: Placement }
	| { type: "podUpdated"; placement: Placement; old: Placement }
	/** A cluster-scoped object that volumes or devices depend on. */
	| { type: "objectChanged"; resource: string };

export type NodeAspect = "labels" | "taints" | "unschedulable" | "allocatable";

export interface FilterPlugin {
	/** As kube-scheduler names it. */
	name: string;
	/** Made once for each pod; undefined when there is nothing to check for this one. */
	filter(candidate: Candidate, ledger: Ledger): NodeCheck | Refusal | undefined;
	/** Whether a check says something else once other pods come to or go from other nodes, or it has counted those of this one. */
	countsPods?: boolean;
	/** Whether a happening may let a pod be placed that this plugin kept from a node (its queueing hints). */
	helps(happening: Happening, candidate: Candidate, ledger: Ledger): boolean;
}

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

/** The node of a happening that brought one or changed the given aspect of one. */
export function nodeOf(happening: Happening, ...aspects: readonly NodeAspect[]): NodeState | undefined {
	if (happening.type === "nodeAdded") return happening.node;
	return happening.type === "nodeUpdated" && aspects.some((aspect) => happening.changed.has(aspect)) ? happening.node : undefined;
}
