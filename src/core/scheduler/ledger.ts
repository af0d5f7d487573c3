/**
 * Who is where, and what every node has left: the scheduler's whole knowledge, kept up to date one pod and one node at a
 * time. A pod counts under its uid once, however often it is added. Placements on a node that is not known (yet) are
 * kept and count as soon as it is.
 */
import { semanticEqual } from "../meta/equality.ts";
import type { Node, PodAffinityTerm } from "../schema/kubernetes.d.ts";
import { NodeState } from "./node-state.ts";
import { PodCounter, type PodQuery } from "./pod-counter.ts";
import type { Placement } from "./scheduling-pod.ts";

/** Pod counts by selector that are kept up to date at once; the one not used for longest makes room. */
export const POD_COUNTERS_MAX = 64;

export interface Topology {
	values: ReadonlySet<string>;
	/** Whether every node has the label. */
	everywhere: boolean;
}

export class Ledger {
	private readonly states = new Map<string, NodeState>();
	private order: NodeState[] | undefined;
	private readonly placements = new Map<string, Placement>();
	/** Pods by owner and node. */
	private readonly owners = new Map<string, Map<string, number>>();
	private readonly counters = new Map<string, PodCounter>();
	private readonly namespaces = new Map<string, Readonly<Record<string, string>>>();
	private readonly topologies = new Map<string, Topology>();
	/** Nodes that hold a pod with any pod affinity. */
	private readonly affinityNodes = new Set<NodeState>();
	/** What affinity terms mean, compiled once; a term belongs to one pod. */
	readonly termQueries = new WeakMap<PodAffinityTerm, PodQuery>();
	/** Where the search for a node goes on next time, so that all nodes get their turn. */
	searchStart = 0;

	setNode(node: Node): void {
		const name = node.metadata.name ?? "";
		let state = this.states.get(name);
		if (state === undefined) {
			state = new NodeState(name);
			this.states.set(name, state);
			this.order = undefined;
			this.forgetTopologies();
			for (const placement of this.placements.values()) if (placement.node === name) this.countOn(state, placement);
		}
		const labels = state.labels;
		state.set(node);
		if (!semanticEqual(labels, state.labels)) this.forgetTopologies();
	}

	/** The node's placements stay until they are removed one by one. */
	deleteNode(name: string): void {
		const state = this.states.get(name);
		if (state === undefined) return;
		this.states.delete(name);
		this.affinityNodes.delete(state);
		this.order = undefined;
		this.forgetTopologies();
	}

	/** Namespace labels decide which pods a term with a namespaceSelector means. */
	setNamespace(name: string, labels: Readonly<Record<string, string>>): void {
		if (semanticEqual(this.namespaces.get(name), labels)) return;
		this.namespaces.set(name, labels);
		this.counters.clear();
	}

	deleteNamespace(name: string): void {
		this.namespaces.delete(name);
	}

	namespaceLabels(name: string): Readonly<Record<string, string>> {
		return this.namespaces.get(name) ?? { "kubernetes.io/metadata.name": name };
	}

	add(placement: Placement): void {
		this.remove(placement.ref.uid);
		this.placements.set(placement.ref.uid, placement);
		const state = this.states.get(placement.node);
		if (state) this.countOn(state, placement);
		this.countOwner(placement, 1);
		for (const counter of this.counters.values()) counter.add(placement, state);
	}

	remove(uid: string): Placement | undefined {
		const placement = this.placements.get(uid);
		if (placement === undefined) return undefined;
		this.placements.delete(uid);
		const state = this.states.get(placement.node);
		state?.remove(placement);
		if (state?.withAffinity.size === 0) this.affinityNodes.delete(state);
		this.countOwner(placement, -1);
		for (const counter of this.counters.values()) counter.remove(placement, state);
		return placement;
	}

	get(uid: string): Placement | undefined {
		return this.placements.get(uid);
	}

	node(name: string): NodeState | undefined {
		return this.states.get(name);
	}

	nodes(): readonly NodeState[] {
		this.order ??= [...this.states.values()];
		return this.order;
	}

	all(): IterableIterator<Placement> {
		return this.placements.values();
	}

	/** The values that a label has over all nodes. */
	topology(key: string): Topology {
		const known = this.topologies.get(key);
		if (known) return known;
		const values = new Set<string>();
		let everywhere = true;
		for (const { labels } of this.nodes()) {
			const value = labels[key];
			if (value === undefined) everywhere = false;
			else values.add(value);
		}
		const topology = { values, everywhere };
		this.topologies.set(key, topology);
		return topology;
	}

	nodesWithAffinity(): ReadonlySet<NodeState> {
		return this.affinityNodes;
	}

	/** How many pods of one owner each node has. */
	podsOfOwner(uid: string): ReadonlyMap<string, number> {
		return this.owners.get(uid) ?? NO_PODS;
	}

	/** How many pods of those that `query` means each node has, kept up to date from now on. */
	counter(query: PodQuery): PodCounter {
		const known = this.counters.get(query.key);
		const counter = known ?? new PodCounter(query, this.placements.values(), this.states);
		this.counters.delete(query.key);
		this.counters.set(query.key, counter);
		const oldest = this.counters.size > POD_COUNTERS_MAX ? this.counters.keys().next().value : undefined;
		if (oldest !== undefined) this.counters.delete(oldest);
		return counter;
	}

	private forgetTopologies(): void {
		this.topologies.clear();
		for (const counter of this.counters.values()) counter.forgetTopologies();
	}

	private countOn(state: NodeState, placement: Placement): void {
		state.add(placement);
		if (state.withAffinity.size > 0) this.affinityNodes.add(state);
	}

	private countOwner({ node, pod }: Placement, by: 1 | -1): void {
		if (pod.ownerUid === undefined) return;
		const counts = this.owners.get(pod.ownerUid) ?? new Map<string, number>();
		const count = (counts.get(node) ?? 0) + by;
		if (count > 0) counts.set(node, count);
		else counts.delete(node);
		if (counts.size > 0) this.owners.set(pod.ownerUid, counts);
		else this.owners.delete(pod.ownerUid);
	}
}

const NO_PODS: ReadonlyMap<string, number> = new Map();
