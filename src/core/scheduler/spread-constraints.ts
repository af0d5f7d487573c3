/** Topology spread constraints with the counts they are judged by (shared by the filter and the score). */
import type { Pod, TopologySpreadConstraint } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import type { Ledger } from "./ledger.ts";
import { requiredNodes } from "./node-selection.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate } from "./plugin.ts";
import type { PodCounter } from "./pod-counter.ts";
import { podsOf, withLabelKeys } from "./pod-query.ts";
import { isTolerated } from "./tolerations.ts";

export interface Spread {
	key: string;
	maxSkew: number;
	minDomains: number;
	/** Whether the candidate itself counts. */
	selfMatches: boolean;
	counter: PodCounter;
	/** Whether a node's pods count; undefined when all nodes' do. */
	eligible: ((node: NodeState) => boolean) | undefined;
}

/** The candidate's own constraints of one kind. */
export function spreadsOf({ pod, ref }: Candidate, ledger: Ledger, when: "DoNotSchedule" | "ScheduleAnyway"): Spread[] {
	const constraints = (pod.spec?.topologySpreadConstraints ?? []).filter((constraint) => constraint.whenUnsatisfiable === when);
	return constraints.map((constraint) => {
		const labels = pod.metadata.labels ?? {};
		const selector = withLabelKeys(constraint.labelSelector, labels, constraint.matchLabelKeys);
		return {
			key: constraint.topologyKey,
			maxSkew: constraint.maxSkew,
			minDomains: constraint.minDomains ?? 1,
			selfMatches: labelSelectorOf(selector).matches(labels),
			counter: ledger.counter(podsOf(ref.namespace, selector)),
			eligible: inclusion(constraint, pod),
		};
	});
}

/** nodeAffinityPolicy (default Honor) and nodeTaintsPolicy (default Ignore). */
function inclusion({ nodeAffinityPolicy, nodeTaintsPolicy }: TopologySpreadConstraint, pod: Pod): ((node: NodeState) => boolean) | undefined {
	const selected = nodeAffinityPolicy === "Ignore" ? undefined : requiredNodes(pod);
	if (nodeTaintsPolicy !== "Honor") return selected;
	const tolerations = pod.spec?.tolerations ?? [];
	const tolerated = (node: NodeState): boolean => node.taints.every((taint) => taint.effect === "PreferNoSchedule" || isTolerated(taint, tolerations));
	return (node) => tolerated(node) && (selected === undefined || selected(node));
}

/** Pods by value of the spread's key, over the nodes that count and have every one of `keys`. */
export function domainCounts(spread: Spread, keys: readonly string[], ledger: Ledger): ReadonlyMap<string, number> {
	if (spread.eligible === undefined && keys.every((key) => ledger.topology(key).everywhere)) return spread.counter.by(spread.key);
	const counts = new Map<string, number>();
	for (const [name, count] of spread.counter.byNode) {
		const node = ledger.node(name);
		const value = node?.labels[spread.key];
		if (node === undefined || value === undefined || !isCounted(node, spread, keys)) continue;
		counts.set(value, (counts.get(value) ?? 0) + count);
	}
	return counts;
}

/** All values of the key over the nodes that count. */
export function domains(spread: Spread, keys: readonly string[], ledger: Ledger): ReadonlySet<string> {
	const topology = ledger.topology(spread.key);
	if (spread.eligible === undefined && keys.every((key) => ledger.topology(key).everywhere)) return topology.values;
	const values = new Set<string>();
	for (const node of ledger.nodes()) {
		const value = node.labels[spread.key];
		if (value !== undefined && isCounted(node, spread, keys)) values.add(value);
	}
	return values;
}

function isCounted(node: NodeState, spread: Spread, keys: readonly string[]): boolean {
	return keys.every((key) => node.labels[key] !== undefined) && (spread.eligible === undefined || spread.eligible(node));
}
