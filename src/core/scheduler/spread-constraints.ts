/** Topology spread constraints with the counts they are judged by (shared by the filter and the score). */
import { canonicalJson } from "../controllers/canonical-json.ts";
import type { Pod, TopologySpreadConstraint } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import type { Ledger } from "./ledger.ts";
import { requiredNodes } from "./node-selection.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate } from "./plugin.ts";
import type { PodCounter, PodQuery } from "./pod-counter.ts";
import { podsOf, withLabelKeys } from "./pod-query.ts";
import { isTolerated } from "./tolerations.ts";

export interface Spread {
	key: string;
	maxSkew: number;
	minDomains: number;
	/** Whether the candidate itself counts. */
	selfMatches: boolean;
	/** The pods that count. */
	query: PodQuery;
	counter: PodCounter;
	/** Whether a node's pods count; undefined when all nodes' do. */
	eligible: ((node: NodeState) => boolean) | undefined;
	/** The same for pods that the same nodes count for. */
	eligibleKey: string;
}

/** The candidate's own constraints of one kind. */
export function spreadsOf({ pod, ref }: Candidate, ledger: Ledger, when: "DoNotSchedule" | "ScheduleAnyway"): Spread[] {
	const constraints = (pod.spec?.topologySpreadConstraints ?? []).filter((constraint) => constraint.whenUnsatisfiable === when);
	return constraints.map((constraint) => {
		const labels = pod.metadata.labels ?? {};
		const selector = withLabelKeys(constraint.labelSelector, labels, constraint.matchLabelKeys);
		const query = podsOf(ref.namespace, selector);
		return {
			key: constraint.topologyKey,
			maxSkew: constraint.maxSkew,
			minDomains: constraint.minDomains ?? 1,
			selfMatches: labelSelectorOf(selector).matches(labels),
			query,
			counter: ledger.counter(query),
			eligible: inclusion(constraint, pod),
			eligibleKey: inclusionKey(constraint, pod),
		};
	});
}

/** A profile's constraints, among the pods of the candidate's controller; a pod without one is not spread. */
export function defaultSpreadsOf(
	{ pod, ref, scheduling: { ownerUid } }: Candidate,
	ledger: Ledger,
	constraints: readonly TopologySpreadConstraint[],
): Spread[] {
	if (ownerUid === undefined) return [];
	const query: PodQuery = {
		key: `pods of ${ownerUid} in ${ref.namespace}`,
		matches: (placement) => placement.pod.ownerUid === ownerUid && placement.ref.namespace === ref.namespace,
	};
	return constraints.map((constraint) => ({
		key: constraint.topologyKey,
		maxSkew: constraint.maxSkew,
		minDomains: constraint.minDomains ?? 1,
		selfMatches: true,
		query,
		counter: ledger.counter(query),
		eligible: inclusion(constraint, pod),
		eligibleKey: inclusionKey(constraint, pod),
	}));
}

function inclusionKey({ nodeAffinityPolicy, nodeTaintsPolicy }: TopologySpreadConstraint, { spec }: Pod): string {
	const selected = nodeAffinityPolicy === "Ignore" ? [] : [spec?.nodeSelector, spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution];
	return canonicalJson([...selected, nodeTaintsPolicy === "Honor" ? (spec?.tolerations ?? []) : null]);
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
	const counted = countedNodes(spread, keys, ledger);
	if (counted === undefined) return spread.counter.by(spread.key);
	const { query } = spread;
	const onCounted: PodQuery = {
		key: `${query.key} on ${counted.key}`,
		dependsOnNodes: true,
		matches: (placement) => query.matches(placement) && isOn(placement.node, counted, ledger),
	};
	return ledger.counter(onCounted).by(spread.key);
}

/** All values of the key over the nodes that count. */
export function domains(spread: Spread, keys: readonly string[], ledger: Ledger): ReadonlySet<string> {
	const counted = countedNodes(spread, keys, ledger);
	if (counted === undefined) return ledger.topology(spread.key).values;
	return ledger.ofNodes(`domains ${spread.key} of ${counted.key}`, () => {
		const values = ledger.nodes().map((node) => (counted.counts(node) ? node.labels[spread.key] : undefined));
		return new Set(values.filter((value) => value !== undefined));
	});
}

interface CountedNodes {
	/** The same for the same nodes. */
	key: string;
	counts(node: NodeState): boolean;
}

/** undefined when all nodes count. */
function countedNodes({ eligible, eligibleKey }: Spread, keys: readonly string[], ledger: Ledger): CountedNodes | undefined {
	if (eligible === undefined && keys.every((key) => ledger.topology(key).everywhere)) return undefined;
	return {
		key: `${eligibleKey} ${keys.join()}`,
		counts: (node) => keys.every((key) => node.labels[key] !== undefined) && (eligible === undefined || eligible(node)),
	};
}

function isOn(name: string, { counts }: CountedNodes, ledger: Ledger): boolean {
	const node = ledger.node(name);
	return node !== undefined && counts(node);
}
