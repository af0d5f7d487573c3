/** Preferred affinity to and against pods, the candidate's own and that of the pods already placed. */
import type { PodAffinityTerm, WeightedPodAffinityTerm } from "../../schema/kubernetes.d.ts";
import type { Ledger } from "../ledger.ts";
import { type Candidate, SCORE_MAX, type Scorer } from "../plugin.ts";
import { termQuery } from "../pod-query.ts";
import type { Placement } from "../scheduling-pod.ts";

/** What a placed pod's required affinity to the candidate is worth (hardPodAffinityWeight). */
const REQUIRED_AFFINITY_WEIGHT = 1;

/** Topology key to value to sum of weights. */
type Weights = Map<string, Map<string, number>>;

export const interPodAffinityScore: Scorer = (candidate, ledger) => {
	const weights: Weights = new Map();
	addOwnPreferences(weights, candidate, ledger);
	addOthersPreferences(weights, candidate, ledger);
	if (weights.size === 0) return undefined;
	const entries = [...weights];
	return {
		score: (node) => entries.reduce((sum, [key, values]) => sum + (values.get(node.labels[key] ?? "") ?? 0), 0),
		normalize: stretch,
	};
};

function add(weights: Weights, key: string, value: string | undefined, weight: number): void {
	if (value === undefined || weight === 0) return;
	const values = weights.get(key) ?? new Map<string, number>();
	values.set(value, (values.get(value) ?? 0) + weight);
	weights.set(key, values);
}

function addOwnPreferences(weights: Weights, { ref, scheduling }: Candidate, ledger: Ledger): void {
	const count = (terms: readonly WeightedPodAffinityTerm[] | undefined, sign: 1 | -1): void => {
		for (const { weight, podAffinityTerm: term } of terms ?? []) {
			const counts = ledger.counter(termQuery(term, ref.namespace, scheduling.labels, ledger)).by(term.topologyKey);
			for (const [value, pods] of counts) add(weights, term.topologyKey, value, sign * weight * pods);
		}
	};
	count(scheduling.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1);
	count(scheduling.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1);
}

function addOthersPreferences(weights: Weights, { ref, scheduling }: Candidate, ledger: Ledger): void {
	const self: Placement = { ref, node: "", pod: scheduling };
	for (const node of ledger.nodesWithAffinity()) {
		for (const other of node.withAffinity.values()) {
			for (const { term, weight } of weightedTerms(other)) {
				const value = node.labels[term.topologyKey];
				if (value !== undefined && termQuery(term, other.ref.namespace, other.pod.labels, ledger).matches(self)) add(weights, term.topologyKey, value, weight);
			}
		}
	}
}

function weightedTerms({ pod: { podAffinity, podAntiAffinity } }: Placement): { term: PodAffinityTerm; weight: number }[] {
	return [
		...(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({ term, weight: REQUIRED_AFFINITY_WEIGHT })),
		...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm: term }) => ({ term, weight })),
		...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm: term }) => ({ term, weight: -weight })),
	];
}

/** The lowest becomes 0 and the highest SCORE_MAX. */
function stretch(scores: number[]): void {
	const min = Math.min(...scores);
	const range = Math.max(...scores) - min;
	for (let i = 0; i < scores.length; i++) scores[i] = range === 0 ? 0 : Math.trunc((SCORE_MAX * ((scores[i] ?? 0) - min)) / range);
}
