/** Chooses the pods of lower priority that make way for one that fits nowhere (DefaultPreemption). */
import type { DisruptionBudgets } from "./disruption-budgets.ts";
import type { Ledger } from "./ledger.ts";
import type { Judgement, NodeChecks } from "./node-checks.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate } from "./plugin.ts";
import type { PreemptionArgs } from "./profile.ts";
import type { Placement } from "./scheduling-pod.ts";
import { availability } from "./unschedulable-message.ts";

const NO_VICTIMS = "No preemption victims found for incoming pod";
const NOT_HELPFUL = "Preemption is not helpful for scheduling";
/** Makes the sum of negative priorities grow with their number as well (MaxInt32 + 1). */
const PRIORITY_OFFSET = 2 ** 31;

export interface Victims {
	node: NodeState;
	/** The most important first. */
	pods: Placement[];
	violations: number;
}

export interface PreemptionQuestion {
	args: PreemptionArgs;
	candidate: Candidate;
	/** The node that others were to make way on already; "" when there is none. */
	nominatedNode: string;
	checks: NodeChecks;
	rejections: ReadonlyMap<NodeState, Judgement>;
	ledger: Ledger;
	budgets: DisruptionBudgets;
	random(): number;
}

/** The victims, or why there are none. */
export function preempt(question: PreemptionQuestion): Victims | string {
	const ineligible = whyIneligible(question);
	if (ineligible !== undefined) return ineligible;
	const { args, ledger, rejections, random } = question;
	const nodes = ledger.nodes();
	const possible = nodes.filter((node) => rejections.get(node)?.rejection.resolvable);
	const share = Math.trunc((possible.length * args.minCandidateNodesPercentage) / 100);
	const wanted = Math.min(possible.length, Math.max(share, args.minCandidateNodesAbsolute));
	const offset = possible.length === 0 ? 0 : Math.floor(random() * possible.length);
	const found: Victims[] = [];
	const reasons = nodes.slice(possible.length).map(() => NOT_HELPFUL);
	for (let i = 0; i < possible.length; i++) {
		const outcome = victimsOn(possible[(offset + i) % possible.length] as NodeState, question);
		if ("node" in outcome) found.push(outcome);
		else reasons.push(...outcome);
		if (found.length >= wanted && found.some(({ violations }) => violations === 0)) break;
	}
	return best(found) ?? `preemption: ${availability(nodes.length, reasons)}`;
}

function whyIneligible({ candidate: { pod, scheduling }, nominatedNode, rejections, ledger }: PreemptionQuestion): string | undefined {
	if (pod.spec?.preemptionPolicy === "Never") return "preemption: not eligible due to preemptionPolicy=Never.";
	const node = nominatedNode === "" ? undefined : ledger.node(nominatedNode);
	if (node === undefined || rejections.get(node)?.rejection.resolvable === false) return undefined;
	const goes = [...node.placements.values()].some((other) => other.preempted && other.pod.priority < scheduling.priority);
	return goes ? "preemption: not eligible due to a terminating pod on the nominated node." : undefined;
}

/** The fewest and least important pods without which the node would do, or why it would not even without all of them. */
function victimsOn(node: NodeState, { candidate, checks, ledger, budgets }: PreemptionQuestion): Victims | readonly string[] {
	const lower = [...node.placements.values()].filter((other) => other.pod.priority < candidate.scheduling.priority).sort(byImportance);
	if (lower.length === 0) return [NO_VICTIMS];
	const { version } = ledger;
	// Where no count of pods matters it is enough to take them from their node.
	const remove = (placement: Placement) => (checks.countsPods ? ledger.remove(placement.ref.uid) : node.remove(placement));
	const add = (placement: Placement) => (checks.countsPods ? ledger.add(placement) : node.add(placement));
	lower.forEach(remove);
	try {
		const judgement = checks.judgeAnew(node);
		if (judgement !== undefined) return judgement.rejection.reasons;
		const { violating, others } = budgets.divide(lower);
		const needed = (placement: Placement): boolean => {
			add(placement);
			if (checks.judgeAnew(node) === undefined) return false;
			remove(placement);
			return true;
		};
		const violated = violating.filter(needed);
		const pods = [...violated, ...others.filter(needed)].sort(byImportance);
		return pods.length === 0 ? [`expected at least one victim pod on node ${JSON.stringify(node.name)}`] : { node, pods, violations: violated.length };
	} finally {
		for (const placement of lower) if (!node.placements.has(placement.ref.uid)) add(placement);
		ledger.version = version;
	}
}

/** Higher priority first, then who has run for longer (MoreImportantPod). */
const byImportance = (a: Placement, b: Placement): number => b.pod.priority - a.pod.priority || (a.sinceMs ?? 0) - (b.sinceMs ?? 0);

const highest = ({ pods }: Victims): number => pods[0]?.pod.priority ?? 0;
const sum = ({ pods }: Victims): number => pods.reduce((total, { pod }) => total + pod.priority + PRIORITY_OFFSET, 0);

/** When the first of the most important victims started: the later, the less is lost. */
function earliestStart(victims: Victims): number {
	const most = victims.pods.filter(({ pod }) => pod.priority === highest(victims));
	return Math.min(...most.map(({ sinceMs = 0 }) => sinceMs));
}

/** pickOneNodeForPreemption. */
function best(found: readonly Victims[]): Victims | undefined {
	const costs = [
		(victims: Victims) => victims.violations,
		highest,
		sum,
		(victims: Victims) => victims.pods.length,
		(victims: Victims) => -earliestStart(victims),
	];
	let left = [...found];
	for (const cost of costs) {
		if (left.length <= 1) break;
		const least = left.reduce((low, victims) => Math.min(low, cost(victims)), Number.POSITIVE_INFINITY);
		left = left.filter((victims) => cost(victims) === least);
	}
	return left[0];
}
