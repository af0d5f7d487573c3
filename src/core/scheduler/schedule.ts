/** One decision of the scheduler: filters, scores, and preemption when no node will do. */
import type { DisruptionBudgets } from "./disruption-budgets.ts";
import type { Ledger } from "./ledger.ts";
import { type Judgement, NodeChecks } from "./node-checks.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate } from "./plugin.ts";
import { preempt, type Victims } from "./preemption.ts";
import { bestNode } from "./scoring.ts";
import type { Placement } from "./scheduling-pod.ts";
import { unschedulableMessage, withPreemption } from "./unschedulable-message.ts";

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

export interface PodToPlace {
	candidate: Candidate;
	nominatedNode: string;
	ledger: Ledger;
	budgets: DisruptionBudgets;
	ctx: SchedulingContext;
}

export interface Failure {
	message: string;
	/** Plugins that turned a node down. */
	rejectedBy: string[];
	/** Pods that must make way. */
	victims?: Victims;
	/** Where others make way already; "" nowhere. */
	nominatedNode: string;
}

/** Where the pod goes, or why nowhere. Takes nothing into the ledger. */
export function placePod(question: PodToPlace): Placement | Failure {
	const { candidate, ledger, ctx, nominatedNode } = question;
	const checks = new NodeChecks(candidate, ledger);
	const rejections = new Map<NodeState, Judgement>();
	if (checks.refusal === undefined) {
		const nominated = nominatedNode === "" ? undefined : ledger.node(nominatedNode);
		const feasible = nominated !== undefined && checks.judge(nominated) === undefined ? [nominated] : feasibleNodes(checks, question, rejections);
		if (feasible.length > 0) {
			const node = bestNode(candidate, ledger, feasible, ctx);
			return { ref: candidate.ref, node: node.name, pod: candidate.scheduling, sinceMs: ctx.nowMs };
		}
	}
	return failureOf(question, checks, rejections);
}

function failureOf({ candidate, ledger, budgets, ctx, nominatedNode }: PodToPlace, checks: NodeChecks, rejections: Map<NodeState, Judgement>): Failure {
	const reasons = [...rejections.values()].flatMap(({ rejection }) => rejection.reasons);
	const message = unschedulableMessage(ledger.nodes().length, reasons, checks.refusal?.message);
	const rejectedBy = checks.refusal ? [checks.refusal.plugin] : [...new Set([...rejections.values()].map(({ plugin }) => plugin))];
	if (candidate.profile.preemption === undefined) return { message, rejectedBy, nominatedNode };
	const victims = preempt({ args: candidate.profile.preemption, candidate, nominatedNode, checks, rejections, ledger, budgets, random: ctx.random });
	if (typeof victims !== "string") return { message, rejectedBy, victims, nominatedNode: victims.node.name };
	// Who is not asked for victims because some are on their way keeps what they make room for.
	const keeps = victims.startsWith("preemption: not eligible");
	return { message: withPreemption(message, victims), rejectedBy, nominatedNode: keeps ? nominatedNode : "" };
}

function feasibleNodes(checks: NodeChecks, { ledger, candidate: { profile } }: PodToPlace, rejections: Map<NodeState, Judgement>): NodeState[] {
	const nodes = ledger.nodes();
	const wanted = feasibleNodesWanted(nodes.length, profile.percentageOfNodesToScore);
	const feasible: NodeState[] = [];
	let seen = 0;
	while (seen < nodes.length && feasible.length < wanted) {
		const node = nodes[(ledger.searchStart + seen) % nodes.length] as NodeState;
		seen += 1;
		const judgement = checks.judge(node);
		if (judgement) rejections.set(node, judgement);
		else feasible.push(node);
	}
	ledger.searchStart = nodes.length === 0 ? 0 : (ledger.searchStart + seen) % nodes.length;
	return feasible;
}

/** How many nodes that will do are enough to choose from (numFeasibleNodesToFind). */
export function feasibleNodesWanted(nodes: number, percentage = 0): number {
	if (nodes < FEASIBLE_NODES_MIN) return nodes;
	const percent = percentage > 0 ? percentage : Math.max(SHARE_MIN_PERCENT, SHARE_PERCENT - Math.trunc(nodes / NODES_PER_PERCENT));
	return Math.max(FEASIBLE_NODES_MIN, Math.trunc((nodes * percent) / 100));
}
