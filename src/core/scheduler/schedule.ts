/**
 * Finds a node for each of a batch of pods: those of higher priority first, then in the order they are given. A pod that
 * the ledger has placed already keeps its node, so that a repeated request changes nothing.
 */
import type { PodRef } from "../protocol/messages.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import { interPodAffinity } from "./filters/inter-pod-affinity.ts";
import { nodeAffinity } from "./filters/node-affinity.ts";
import { nodeName } from "./filters/node-name.ts";
import { nodePorts } from "./filters/node-ports.ts";
import { nodeResourcesFit } from "./filters/node-resources-fit.ts";
import { nodeUnschedulable } from "./filters/node-unschedulable.ts";
import { podTopologySpread } from "./filters/pod-topology-spread.ts";
import { taintToleration } from "./filters/taint-toleration.ts";
import type { Ledger } from "./ledger.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate, Filter, NodeCheck, Rejection } from "./plugin.ts";
import { bestNode } from "./scoring.ts";
import { type Placement, podRefOf, schedulingPodOf } from "./scheduling-pod.ts";
import { unschedulableMessage } from "./unschedulable-message.ts";

/** In kube-scheduler's order: a node is told off by the first that rejects it. */
const FILTERS: readonly Filter[] = [
	nodeUnschedulable,
	nodeName,
	taintToleration,
	nodeAffinity,
	nodePorts,
	nodeResourcesFit,
	podTopologySpread,
	interPodAffinity,
];

/** Up to so many nodes are all looked at (minFeasibleNodesToFind). */
export const FEASIBLE_NODES_MIN = 100;
/** Of larger clusters, this share and less, down to SHARE_MIN_PERCENT, is enough to choose from. */
const SHARE_PERCENT = 50;
const SHARE_MIN_PERCENT = 5;
const NODES_PER_PERCENT = 125;

export interface SchedulingContext {
	nowMs: number;
	/** In [0, 1), from a seed: chooses among equally good nodes. */
	random(): number;
}

export interface SchedulingResult {
	bindings: Placement[];
	unschedulable: { pod: PodRef; message: string }[];
}

/** Takes what it places into the ledger. */
export function schedule(pods: readonly Pod[], ledger: Ledger, ctx: SchedulingContext): SchedulingResult {
	const result: SchedulingResult = { bindings: [], unschedulable: [] };
	const queue = pods.map((pod, turn) => ({ pod, turn, priority: pod.spec?.priority ?? 0 }));
	queue.sort((a, b) => b.priority - a.priority || a.turn - b.turn);
	for (const { pod } of queue) {
		const ref = podRefOf(pod);
		const placement = ledger.get(ref.uid) ?? place({ ref, pod, scheduling: schedulingPodOf(pod) }, ledger, ctx);
		if (typeof placement === "string") result.unschedulable.push({ pod: ref, message: placement });
		else result.bindings.push(placement);
	}
	return result;
}

/** The placement, already in the ledger, or why there is none. */
function place(candidate: Candidate, ledger: Ledger, ctx: SchedulingContext): Placement | string {
	const checks = FILTERS.map((filter) => filter(candidate, ledger)).filter((check) => check !== undefined);
	const rejections = new Map<NodeState, Rejection>();
	const feasible = feasibleNodes(checks, ledger, rejections);
	if (feasible.length === 0) return unschedulableMessage(candidate, rejections);
	const node = bestNode(candidate, ledger, feasible, ctx);
	const placement: Placement = { ref: candidate.ref, node: node.name, pod: candidate.scheduling };
	ledger.add(placement);
	return placement;
}

function feasibleNodes(checks: readonly NodeCheck[], ledger: Ledger, rejections: Map<NodeState, Rejection>): NodeState[] {
	const nodes = ledger.nodes();
	const wanted = feasibleNodesWanted(nodes.length);
	const feasible: NodeState[] = [];
	let seen = 0;
	while (seen < nodes.length && feasible.length < wanted) {
		const node = nodes[(ledger.searchStart + seen) % nodes.length] as NodeState;
		seen += 1;
		const rejection = firstRejection(checks, node);
		if (rejection) rejections.set(node, rejection);
		else feasible.push(node);
	}
	ledger.searchStart = nodes.length === 0 ? 0 : (ledger.searchStart + seen) % nodes.length;
	return feasible;
}

function firstRejection(checks: readonly NodeCheck[], node: NodeState): Rejection | undefined {
	for (const check of checks) {
		const rejection = check(node);
		if (rejection) return rejection;
	}
	return undefined;
}

/** How many nodes that will do are enough to choose from (numFeasibleNodesToFind). */
export function feasibleNodesWanted(nodes: number): number {
	if (nodes < FEASIBLE_NODES_MIN) return nodes;
	const percent = Math.max(SHARE_MIN_PERCENT, SHARE_PERCENT - Math.trunc(nodes / NODES_PER_PERCENT));
	return Math.max(FEASIBLE_NODES_MIN, Math.trunc((nodes * percent) / 100));
}
