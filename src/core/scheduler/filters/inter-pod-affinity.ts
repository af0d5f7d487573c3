/** Required affinity to, and anti-affinity against, pods that are already placed; theirs against this one too. */
import type { PodAffinityTerm } from "../../schema/kubernetes.d.ts";
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, type FilterPlugin, type NodeCheck, nodeOf, type Rejection } from "../plugin.ts";
import { allOf, termQuery } from "../pod-query.ts";
import type { Placement } from "../scheduling-pod.ts";

const NO_FRIENDS: Rejection = { reasons: ["node(s) didn't match pod affinity rules"], resolvable: false };
const FOES: Rejection = { reasons: ["node(s) didn't match pod anti-affinity rules"], resolvable: true };
const UNWELCOME: Rejection = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], resolvable: true };

export const interPodAffinity: FilterPlugin = {
	name: "InterPodAffinity",
	countsPods: true,
	filter(candidate, ledger) {
		const checks = [nearFriends(candidate, ledger), awayFromFoes(candidate, ledger), whereWelcome(candidate, ledger)].filter((check) => check !== undefined);
		if (checks.length === 0) return undefined;
		return (node) => {
			for (const check of checks) {
				const rejection = check(node);
				if (rejection) return rejection;
			}
			return undefined;
		};
	},
	helps(happening, candidate, ledger) {
		if (happening.type === "podAdded") return isFriend(happening.placement, candidate, ledger);
		if (happening.type === "podRemoved") return isFoe(happening.placement, candidate, ledger);
		if (happening.type === "podUpdated") return isFriend(happening.placement, candidate, ledger) || isFoe(happening.old, candidate, ledger);
		return nodeOf(happening, "labels") !== undefined;
	},
};

/** Whether the pod is one that the candidate must be near. */
function isFriend(placement: Placement, { ref, scheduling }: Candidate, ledger: Ledger): boolean {
	const terms = scheduling.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
	return terms.length > 0 && terms.every((term) => termQuery(term, ref.namespace, scheduling.labels, ledger).matches(placement));
}

/** Whether the pod or the candidate wants the other to keep away. */
function isFoe(placement: Placement, candidate: Candidate, ledger: Ledger): boolean {
	const repels = (mine: Placement, other: Placement): boolean =>
		(mine.pod.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some((term) =>
			termQuery(term, mine.ref.namespace, mine.pod.labels, ledger).matches(other),
		);
	return repels(asPlacement(candidate), placement) || repels(placement, asPlacement(candidate));
}

/** The candidate as if it were placed, to ask whether it matches its own or others' terms. */
const asPlacement = ({ ref, scheduling }: Candidate): Placement => ({ ref, node: "", pod: scheduling });

function nearFriends(candidate: Candidate, ledger: Ledger): NodeCheck | undefined {
	const terms = candidate.scheduling.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
	if (terms.length === 0) return undefined;
	const query = allOf(terms.map((term) => termQuery(term, candidate.ref.namespace, candidate.scheduling.labels, ledger)));
	const counter = ledger.counter(query);
	const known = terms.some((term) => counter.by(term.topologyKey).size > 0);
	// The first of a group of pods that want to be together may go anywhere.
	const isFirst = !known && query.matches(asPlacement(candidate));
	return (node) => (terms.every((term) => hasFriends(term, node, counter.by(term.topologyKey), isFirst)) ? undefined : NO_FRIENDS);
}

function hasFriends(term: PodAffinityTerm, node: NodeState, counts: ReadonlyMap<string, number>, isFirst: boolean): boolean {
	const value = node.labels[term.topologyKey];
	return value !== undefined && (isFirst || (counts.get(value) ?? 0) > 0);
}

function awayFromFoes(candidate: Candidate, ledger: Ledger): NodeCheck | undefined {
	const terms = candidate.scheduling.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
	if (terms.length === 0) return undefined;
	const foes = terms.map((term) => {
		const counter = ledger.counter(termQuery(term, candidate.ref.namespace, candidate.scheduling.labels, ledger));
		return { key: term.topologyKey, counts: counter.by(term.topologyKey) };
	});
	return (node) => (foes.some(({ key, counts }) => counts.has(node.labels[key] ?? "")) ? FOES : undefined);
}

function whereWelcome(candidate: Candidate, ledger: Ledger): NodeCheck | undefined {
	const closed: { key: string; counts: ReadonlyMap<string, number> }[] = [];
	const self = asPlacement(candidate);
	for (const { topologyKey, query, weight, counts } of ledger.placedTerms())
		if (weight === "away" && query.matches(self)) closed.push({ key: topologyKey, counts: counts.by(topologyKey) });
	if (closed.length === 0) return undefined;
	return (node) => (closed.some(({ key, counts }) => counts.has(node.labels[key] ?? "")) ? UNWELCOME : undefined);
}
