/** What the pods that are placed want of others, alike terms together: pods of one workload all say the same. */
import type { PodAffinityTerm } from "../schema/kubernetes.d.ts";
import type { Ledger } from "./ledger.ts";
import type { NodeState } from "./node-state.ts";
import { NodeCounts, type PodQuery } from "./pod-counter.ts";
import { termQuery } from "./pod-query.ts";
import type { Placement } from "./scheduling-pod.ts";

export interface TermGroup {
	topologyKey: string;
	/** The pods that it speaks of. */
	query: PodQuery;
	/** Negative for those to keep away from; what is required has none. */
	weight: number | "near" | "away";
	/** Pods with such a term. */
	counts: NodeCounts;
}

export class PlacedTerms {
	readonly #ledger: Ledger;
	readonly #states: ReadonlyMap<string, NodeState>;
	readonly #groups = new Map<string, TermGroup>();

	constructor(ledger: Ledger, states: ReadonlyMap<string, NodeState>) {
		this.#ledger = ledger;
		this.#states = states;
	}

	groups(): IterableIterator<TermGroup> {
		return this.#groups.values();
	}

	count(placement: Placement, node: NodeState | undefined, by: 1 | -1): void {
		const { podAffinity, podAntiAffinity } = placement.pod;
		for (const term of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) this.#count(term, "away", placement, node, by);
		for (const term of podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) this.#count(term, "near", placement, node, by);
		for (const { weight, podAffinityTerm } of podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
			this.#count(podAffinityTerm, weight, placement, node, by);
		for (const { weight, podAffinityTerm } of podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
			this.#count(podAffinityTerm, -weight, placement, node, by);
	}

	forgetTopologies(): void {
		for (const { counts } of this.#groups.values()) counts.forgetTopologies();
	}

	#count(term: PodAffinityTerm, weight: TermGroup["weight"], { ref, node: name, pod }: Placement, node: NodeState | undefined, by: 1 | -1): void {
		const query = termQuery(term, ref.namespace, pod.labels, this.#ledger);
		const key = `${weight} ${term.topologyKey} ${query.key}`;
		const group = this.#groups.get(key) ?? { topologyKey: term.topologyKey, query, weight, counts: new NodeCounts(this.#states) };
		group.counts.count(name, node, by);
		if (group.counts.byNode.size > 0) this.#groups.set(key, group);
		else this.#groups.delete(key);
	}
}
