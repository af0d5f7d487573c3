/**
 * Who is where, and what every node has left: the scheduler's whole knowledge, kept up to date one pod and one node at a
 * time. A pod counts under its uid once, however often it is added. Placements on a node that is not known (yet) are
 * kept and count as soon as it is.
 */
import { DeviceLedger, type DeviceObjects, NO_DEVICE_OBJECTS } from "../devices/device-ledger.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Node, PodAffinityTerm } from "../schema/kubernetes.d.ts";
import { NO_VOLUME_OBJECTS, type VolumeObjects } from "./volume-objects.ts";
import { NodeState } from "./node-state.ts";
import { PlacedTerms, type TermGroup } from "./placed-terms.ts";
import { NodeCounts, PodCounter, type PodQuery } from "./pod-counter.ts";
import type { Placement } from "./scheduling-pod.ts";

/** Pod counts by selector that are kept up to date at once; the one not used for longest makes room. */
export const POD_COUNTERS_MAX = 64;

/** Facts of the nodes remembered at once. */
const NODE_FACTS_MAX = 256;

export interface Topology {
	values: ReadonlySet<string>;
	/** Whether every node has the label. */
	everywhere: boolean;
}

export class Ledger {
	/** What volumes depend on. */
	readonly objects: VolumeObjects;
	readonly devices: DeviceLedger;
	private readonly states = new Map<string, NodeState>();
	private order: NodeState[] | undefined;
	private readonly placements = new Map<string, Placement>();
	private readonly owners = new Map<string, NodeCounts>();
	private readonly counters = new Map<string, PodCounter>();
	private readonly namespaces = new Map<string, Readonly<Record<string, string>>>();
	private readonly topologies = new Map<string, Topology>();
	private readonly nodeFacts = new Map<string, unknown>();
	/** Where pods may go once others have made way for them, by uid. */
	private readonly nominations = new Map<string, Placement>();
	/** Changes whenever anything does that a decision may depend on. */
	version = 0;
	private readonly terms = new PlacedTerms(this, this.states);
	/** What affinity terms mean, compiled once; a term belongs to one pod. */
	readonly termQueries = new WeakMap<PodAffinityTerm, PodQuery>();
	/** Where the search for a node goes on next time, so that all nodes get their turn. */
	searchStart = 0;

	constructor(objects: VolumeObjects = NO_VOLUME_OBJECTS, devices: DeviceObjects = NO_DEVICE_OBJECTS) {
		this.objects = objects;
		this.devices = new DeviceLedger(devices);
	}

	setNode(node: Node): void {
		this.version++;
		const name = node.metadata.name ?? "";
		let state = this.states.get(name);
		if (state === undefined) {
			state = new NodeState(name);
			this.states.set(name, state);
			this.order = undefined;
			this.forgetTopologies();
			for (const placement of this.placements.values()) if (placement.node === name) state.add(placement);
			for (const [uid, placement] of this.nominations) if (placement.node === name) state.nominated.set(uid, placement);
		}
		const { labels, taints } = state;
		state.set(node);
		if (!semanticEqual([labels, taints], [state.labels, state.taints])) this.forgetTopologies();
	}

	/** The node's placements stay until they are removed one by one. */
	deleteNode(name: string): void {
		const state = this.states.get(name);
		if (state === undefined) return;
		this.version++;
		this.states.delete(name);
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
		this.version++;
		this.placements.set(placement.ref.uid, placement);
		if (placement.devices) this.devices.add(placement.ref.uid, placement.devices);
		const state = this.states.get(placement.node);
		state?.add(placement);
		this.countEverywhere(placement, state, 1);
		for (const counter of this.counters.values()) counter.add(placement, state);
	}

	remove(uid: string): Placement | undefined {
		const placement = this.placements.get(uid);
		if (placement === undefined) return undefined;
		this.version++;
		this.placements.delete(uid);
		if (placement.devices) this.devices.remove(uid, placement.devices);
		const state = this.states.get(placement.node);
		state?.remove(placement);
		this.countEverywhere(placement, state, -1);
		for (const counter of this.counters.values()) counter.remove(placement, state);
		return placement;
	}

	/** Keeps a place for a pod that others make way for; it has one such place at a time. */
	nominate(placement: Placement): void {
		this.denominate(placement.ref.uid);
		this.version++;
		this.nominations.set(placement.ref.uid, placement);
		this.states.get(placement.node)?.nominated.set(placement.ref.uid, placement);
	}

	denominate(uid: string): void {
		const placement = this.nominations.get(uid);
		if (placement === undefined) return;
		this.version++;
		this.nominations.delete(uid);
		this.states.get(placement.node)?.nominated.delete(uid);
	}

	/** Answers as if these pods were (also) on the nodes they name. */
	withPlaced<T>(placements: readonly Placement[], ask: () => T): T {
		const { version } = this;
		for (const placement of placements) this.add(placement);
		try {
			return ask();
		} finally {
			for (const { ref } of placements) this.remove(ref.uid);
			this.version = version;
		}
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

	/** Something worked out of the nodes' labels and taints, once until they change. */
	ofNodes<T>(key: string, make: () => T): T {
		if (this.nodeFacts.has(key)) return this.nodeFacts.get(key) as T;
		if (this.nodeFacts.size >= NODE_FACTS_MAX) this.nodeFacts.clear();
		const made = make();
		this.nodeFacts.set(key, made);
		return made;
	}

	/** What placed pods want of others. */
	placedTerms(): IterableIterator<TermGroup> {
		return this.terms.groups();
	}

	/** How many pods of one owner there are where; undefined when there are none. */
	podsOfOwner(uid: string): NodeCounts | undefined {
		return this.owners.get(uid);
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
		this.nodeFacts.clear();
		for (const [key, { query }] of this.counters) if (query.dependsOnNodes) this.counters.delete(key);
		for (const counts of [...this.counters.values(), ...this.owners.values()]) counts.forgetTopologies();
		this.terms.forgetTopologies();
	}

	private countEverywhere(placement: Placement, state: NodeState | undefined, by: 1 | -1): void {
		if (placement.pod.podAffinity || placement.pod.podAntiAffinity) this.terms.count(placement, state, by);
		const { ownerUid } = placement.pod;
		if (ownerUid === undefined) return;
		const counts = this.owners.get(ownerUid) ?? new NodeCounts(this.states);
		counts.count(placement.node, state, by);
		if (counts.byNode.size > 0) this.owners.set(ownerUid, counts);
		else this.owners.delete(ownerUid);
	}
}
