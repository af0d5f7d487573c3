/** Preferred affinity to and against pods, the candidate's own and that of the pods already placed. */
import type { WeightedPodAffinityTerm } from "../../schema/kubernetes.d.ts";
import type { InterPodAffinityArgs } from "../configuration/plugin-args.ts";
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, SCORE_MAX, type Scorer } from "../plugin.ts";
import { termQuery } from "../pod-query.ts";
import type { Placement } from "../scheduling-pod.ts";

/** What each pod in a node's domain is worth. */
interface Preference {
	key: string;
	weight: number;
	counts: ReadonlyMap<string, number>;
}

export function interPodAffinityScoreWith(args: InterPodAffinityArgs): Scorer {
	return (candidate, ledger) => {
		const preferences = [...ownPreferences(candidate, ledger), ...othersPreferences(candidate, ledger, args)].filter(({ counts }) => counts.size > 0);
		if (preferences.length === 0) return undefined;
		return { score: (node) => sum(preferences, node), normalize: stretch };
	};
}

function sum(preferences: readonly Preference[], node: NodeState): number {
	let total = 0;
	for (const { key, weight, counts } of preferences) {
		const value = node.labels[key];
		if (value !== undefined) total += weight * (counts.get(value) ?? 0);
	}
	return total;
}

function ownPreferences({ ref, scheduling }: Candidate, ledger: Ledger): Preference[] {
	const of = (terms: readonly WeightedPodAffinityTerm[] | undefined, sign: 1 | -1): Preference[] =>
		(terms ?? []).map(({ weight, podAffinityTerm: term }) => {
			const counter = ledger.counter(termQuery(term, ref.namespace, scheduling.labels, ledger));
			return { key: term.topologyKey, weight: sign * weight, counts: counter.by(term.topologyKey) };
		});
	return [
		...of(scheduling.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
		...of(scheduling.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
	];
}

function othersPreferences({ ref, scheduling }: Candidate, ledger: Ledger, args: InterPodAffinityArgs): Preference[] {
	const self: Placement = { ref, node: "", pod: scheduling };
	const preferences: Preference[] = [];
	for (const { topologyKey: key, query, weight: given, counts } of ledger.placedTerms()) {
		const weight = given === "near" ? args.hardPodAffinityWeight : given === "away" || args.ignorePreferredTermsOfExistingPods ? 0 : given;
		if (weight !== 0 && query.matches(self)) preferences.push({ key, weight, counts: counts.by(key) });
	}
	return preferences;
}

/** The lowest becomes 0 and the highest SCORE_MAX. */
function stretch(scores: number[]): void {
	let min = Number.POSITIVE_INFINITY;
	let max = Number.NEGATIVE_INFINITY;
	for (const score of scores) {
		min = Math.min(min, score);
		max = Math.max(max, score);
	}
	const range = max - min;
	for (let i = 0; i < scores.length; i++) scores[i] = range === 0 ? 0 : Math.trunc((SCORE_MAX * ((scores[i] ?? 0) - min)) / range);
}
