/** Counts pods by node and by value of any topology key. */
import type { NodeState } from "./node-state.ts";
import type { Placement } from "./scheduling-pod.ts";

export interface PodQuery {
	/** The same for queries that mean the same pods. */
	key: string;
	matches(placement: Placement): boolean;
	/** Whether it asks what the placement's node is like. */
	dependsOnNodes?: true;
}

export class NodeCounts {
	private readonly states: ReadonlyMap<string, NodeState>;
	/** Node name to number of pods. */
	readonly byNode = new Map<string, number>();
	/** Topology key to value to number of pods; made when asked for. */
	private readonly topologies = new Map<string, Map<string, number>>();

	constructor(states: ReadonlyMap<string, NodeState>) {
		this.states = states;
	}

	on(node: NodeState): number {
		return this.byNode.get(node.name) ?? 0;
	}

	/** Pods by the value that `key` has on their nodes; values without pods are absent. */
	by(key: string): ReadonlyMap<string, number> {
		const known = this.topologies.get(key);
		if (known) return known;
		const counts = new Map<string, number>();
		for (const [name, count] of this.byNode) bump(counts, this.states.get(name)?.labels[key], count);
		this.topologies.set(key, counts);
		return counts;
	}

	/** Nodes came, went or changed their labels. */
	forgetTopologies(): void {
		this.topologies.clear();
	}

	count(name: string, node: NodeState | undefined, by: 1 | -1): void {
		bump(this.byNode, name, by);
		for (const [key, counts] of this.topologies) bump(counts, node?.labels[key], by);
	}
}

/** Counts the pods that a selector in some namespaces matches. */
export class PodCounter extends NodeCounts {
	readonly query: PodQuery;

	constructor(query: PodQuery, placements: Iterable<Placement>, states: ReadonlyMap<string, NodeState>) {
		super(states);
		this.query = query;
		for (const placement of placements) this.add(placement, states.get(placement.node));
	}

	add(placement: Placement, node: NodeState | undefined): void {
		if (this.query.matches(placement)) this.count(placement.node, node, 1);
	}

	remove(placement: Placement, node: NodeState | undefined): void {
		if (this.query.matches(placement)) this.count(placement.node, node, -1);
	}
}

function bump(counts: Map<string, number>, value: string | undefined, by: number): void {
	if (value === undefined) return;
	const count = (counts.get(value) ?? 0) + by;
	if (count > 0) counts.set(value, count);
	else counts.delete(value);
}
