/** Required affinity to, and anti-affinity against, pods that are already placed; theirs against this one too. */
import type { PodAffinityTerm } from "../../schema/kubernetes.d.ts";
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import type { Candidate, Filter, NodeCheck, Rejection } from "../plugin.ts";
import { allOf, termQuery } from "../pod-query.ts";
import type { Placement } from "../scheduling-pod.ts";

const NO_FRIENDS: Rejection = { reasons: ["node(s) didn't match pod affinity rules"], resolvable: false };
const FOES: Rejection = { reasons: ["node(s) didn't match pod anti-affinity rules"], resolvable: true };
const UNWELCOME: Rejection = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], resolvable: true };

export const interPodAffinity: Filter = (candidate, ledger) => {
	const checks = [nearFriends(candidate, ledger), awayFromFoes(candidate, ledger), whereWelcome(candidate, ledger)].filter((check) => check !== undefined);
	if (checks.length === 0) return undefined;
	return (node) => {
		for (const check of checks) {
			const rejection = check(node);
			if (rejection) return rejection;
		}
		return undefined;
	};
};

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
	const closed = new Map<string, Set<string>>();
	const self = asPlacement(candidate);
	for (const node of ledger.nodesWithAffinity()) {
		for (const { ref, pod } of node.repelling.values()) {
			for (const term of pod.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
				const value = node.labels[term.topologyKey];
				if (value === undefined || closed.get(term.topologyKey)?.has(value)) continue;
				if (!termQuery(term, ref.namespace, pod.labels, ledger).matches(self)) continue;
				closed.set(term.topologyKey, (closed.get(term.topologyKey) ?? new Set()).add(value));
			}
		}
	}
	if (closed.size === 0) return undefined;
	const entries = [...closed];
	return (node) => (entries.some(([key, values]) => values.has(node.labels[key] ?? "")) ? UNWELCOME : undefined);
}
