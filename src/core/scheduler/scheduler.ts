/**
 * kube-scheduler's loop over the queue and the ledger: one pod after another gets the best node there is, or pods of lower
 * priority are told to make way for it, or it waits for something to happen that may help it.
 */
import type { ClaimAllocation, DeviceObjects } from "../devices/device-ledger.ts";
import { type Preparation, preparationOf } from "../devices/device-preparation.ts";
import { claimsElsewhere, devicesOn } from "./filters/dynamic-resources.ts";
import type { PodRef } from "../protocol/messages.ts";
import type { Node, Pod, PodDisruptionBudget } from "../schema/kubernetes.d.ts";
import { semanticEqual } from "../meta/equality.ts";
import { DisruptionBudgets } from "./disruption-budgets.ts";
import { DEFAULT_SCHEDULER, DEFAULT_SCHEDULER_CONFIGURATION } from "./configuration/scheduler-configuration.ts";
import { Ledger } from "./ledger.ts";
import type { Happening, NodeAspect } from "./plugin.ts";
import type { Profile } from "./profile.ts";
import { availability, withDeallocation } from "./unschedulable-message.ts";
import { claimsToBind } from "./volumes-to-bind.ts";
import type { VolumeObjects } from "./volume-objects.ts";
import { type Failure, placePod, type SchedulingContext } from "./schedule.ts";
import type { Placement } from "./scheduling-pod.ts";
import { type Asked, Entry, type QueuedPod, SchedulingQueue } from "./scheduling-queue.ts";

/** What to tell of a pod that has no node. */
export interface Unplaced {
	pod: PodRef;
	reason: "Unschedulable" | "SchedulerError";
	message: string;
	/** Where others make way for it; "" nowhere. */
	nominatedNode: string;
}

export interface Preemption {
	preemptor: PodRef;
	schedulerName: string;
	node: string;
	victims: Placement[];
}

export interface VolumeBinding {
	pod: PodRef;
	node: string;
	/** Claims with the volumes that are free for them; without where one is to be made. */
	claims: { name: string; uid: string; volume?: string }[];
}

/** Devices that must be made ready before their pod can be bound. */
export interface DevicePreparation {
	pod: PodRef;
	node: string;
	claims: ClaimAllocation[];
}

/** Claims that this pod does not use, or not where it goes. */
export interface DeviceRelease {
	pod: PodRef;
	claims: string[];
}

export interface Decisions {
	bindings: Placement[];
	unplaced: Unplaced[];
	preemptions: Preemption[];
	/** Pods whose nomination a more important pod took. */
	denominated: PodRef[];
	/** Nodes for volumes that must be there before their pods can be bound. */
	volumeBindings: VolumeBinding[];
	devicePreparations: DevicePreparation[];
	deviceReleases: DeviceRelease[];
	/** Pods that wait on, whose entries are to be stored anew. */
	waiting: Entry[];
}

export const noDecisions = (): Decisions => ({
	bindings: [],
	unplaced: [],
	preemptions: [],
	denominated: [],
	volumeBindings: [],
	devicePreparations: [],
	deviceReleases: [],
	waiting: [],
});

const FAULT_MESSAGE_MAX = 256;

const bare = ({ pod: { metadata, spec, status }, volumeClaims }: Asked): unknown => [metadata, spec, status?.resourceClaimStatuses, volumeClaims];

export class Scheduler {
	readonly ledger: Ledger;
	readonly queue: SchedulingQueue;
	readonly #profiles: ReadonlyMap<string, Profile>;
	readonly #budgets = new DisruptionBudgets();
	/** Failures that hold for every pod alike as long as the ledger stays as it is. */
	readonly #failures = new Map<string, { version: number; failure: Failure }>();

	constructor(objects?: VolumeObjects, configuration = DEFAULT_SCHEDULER_CONFIGURATION, devices?: DeviceObjects) {
		this.ledger = new Ledger(objects, devices);
		this.queue = new SchedulingQueue(configuration);
		this.#profiles = new Map(configuration.profiles.map((profile) => [profile.schedulerName, profile]));
	}

	/** Undefined for pods of another scheduler. */
	#profileOf({ spec }: Pod): Profile | undefined {
		return this.#profiles.get(spec?.schedulerName || DEFAULT_SCHEDULER);
	}

	/** Takes up a pod from storage, waiting as it was. */
	restore(stored: QueuedPod, nowMs: number): void {
		const profile = this.#profileOf(stored.asked.pod);
		// It was ours by an earlier configuration.
		if (profile === undefined) return;
		const entry = new Entry(stored, profile);
		if (stored.rejectedBy.length > 0) this.queue.rest(entry, nowMs);
		else this.queue.activate(entry);
		this.#nominate(entry, stored.nominatedNode);
		if (stored.devices) this.ledger.devices.add(entry.ref.uid, stored.devices);
	}

	/** Asks for a node. False when nothing is new about the pod, or it has one. */
	ask(asked: Asked): boolean {
		const uid = asked.pod.metadata.uid ?? "";
		const profile = this.#profileOf(asked.pod);
		if (profile === undefined || this.ledger.get(uid) !== undefined) return false;
		const known = this.queue.get(uid);
		const nominatedNode = asked.pod.status?.nominatedNodeName ?? "";
		// What was nominated here comes back as the pod's status: that is no news.
		if (known !== undefined && nominatedNode === known.nominatedNode && semanticEqual(bare(known.asked), bare(asked))) return false;
		if (known !== undefined) this.withdraw(uid);
		const entry = new Entry({ asked, attempts: known?.attempts ?? 0, rejectedBy: [], nominatedNode: "" }, profile);
		this.queue.activate(entry);
		this.#nominate(entry, nominatedNode);
		return true;
	}

	/** The pod wants no node any more. */
	withdraw(uid: string): boolean {
		this.ledger.denominate(uid);
		const entry = this.queue.remove(uid);
		if (entry?.devices) this.ledger.devices.remove(uid, entry.devices);
		return entry !== undefined;
	}

	/** Another pod is (also) where it says. */
	record(placement: Placement, nowMs: number): void {
		const { uid } = placement.ref;
		this.withdraw(uid);
		const old = this.ledger.remove(uid);
		this.ledger.add(placement);
		this.happened(old === undefined ? { type: "podAdded", placement } : { type: "podUpdated", placement, old }, nowMs);
	}

	/** A pod holds its place no more. Returns the placement that it had. */
	release(uid: string, nowMs: number): Placement | undefined {
		this.withdraw(uid);
		const placement = this.ledger.remove(uid);
		if (placement !== undefined) this.happened({ type: "podRemoved", placement }, nowMs);
		return placement;
	}

	setNode(node: Node, nowMs: number): void {
		const name = node.metadata.name ?? "";
		const old = this.ledger.node(name);
		const before = old && { labels: old.labels, taints: old.taints, unschedulable: old.unschedulable, allocatable: old.allocatable, podsMax: old.podsMax };
		this.ledger.setNode(node);
		const state = this.ledger.node(name);
		if (state === undefined) return;
		if (before === undefined) return this.happened({ type: "nodeAdded", node: state }, nowMs);
		const changed = new Set<NodeAspect>();
		for (const aspect of ["labels", "taints", "unschedulable", "allocatable"] as const) if (!semanticEqual(before[aspect], state[aspect])) changed.add(aspect);
		if (before.podsMax !== state.podsMax) changed.add("allocatable");
		if (changed.size > 0) this.happened({ type: "nodeUpdated", node: state, changed }, nowMs);
	}

	deleteNode(name: string, nowMs: number): void {
		this.ledger.deleteNode(name);
		this.happened({ type: "nodeDeleted" }, nowMs);
	}

	setBudgets(namespace: string, budgets: readonly PodDisruptionBudget[]): void {
		this.#budgets.set(namespace, budgets);
	}

	/** Wakes the pods that this may help. */
	happened(happening: Happening, nowMs: number): void {
		if (!this.queue.hasUnschedulable) return;
		for (const entry of [...this.queue.unschedulable()]) {
			const helps = entry.candidate.profile.filters.some(
				({ name, helps }) => entry.rejectedBy.includes(name) && helps(happening, entry.candidate, this.ledger),
			);
			// Without any node there was no plugin to turn one down.
			if (helps || (entry.rejectedBy.length === 0 && happening.type === "nodeAdded")) this.queue.wake(entry, nowMs);
		}
	}

	/** Decides about as many pods as wait, at most `limit`. */
	run(ctx: SchedulingContext, limit: number): Decisions {
		const decisions = noDecisions();
		for (let count = 0; count < limit; count++) {
			const entry = this.queue.pop(ctx.nowMs);
			if (entry === undefined) break;
			this.#decide(entry, ctx, decisions);
		}
		this.#failures.clear();
		return decisions;
	}

	#decide(entry: Entry, ctx: SchedulingContext, decisions: Decisions): void {
		try {
			const outcome = this.#knownFailure(entry) ?? placePod({ ...entry, ledger: this.ledger, budgets: this.#budgets, ctx });
			if ("node" in outcome) this.#bind(entry, outcome, ctx, decisions);
			else this.#fail(entry, outcome, ctx.nowMs, decisions);
		} catch (error) {
			this.queue.failed(entry, ctx.nowMs, true);
			const message = (error instanceof Error ? error.message : String(error)).slice(0, FAULT_MESSAGE_MAX);
			decisions.unplaced.push({ pod: entry.ref, reason: "SchedulerError", message, nominatedNode: entry.nominatedNode });
			decisions.waiting.push(entry);
		}
	}

	#bind(entry: Entry, placement: Placement, ctx: SchedulingContext, decisions: Decisions): void {
		const { nowMs } = ctx;
		const claims = claimsToBind(entry, placement.node, this.ledger);
		if (claims.length > 0) return this.#bindVolumes(entry, { pod: entry.ref, node: placement.node, claims }, nowMs, decisions);
		const devices = devicesOn(this.ledger.node(placement.node), entry.candidate, this.ledger, ctx);
		if (devices !== undefined) {
			const state = preparationOf(entry.ref, devices, this.ledger.devices.objects, nowMs);
			if (state !== "ready") return this.#prepareDevices(entry, { pod: entry.ref, node: placement.node, claims: devices }, state, nowMs, decisions);
			placement.devices = devices;
		}
		this.withdraw(entry.ref.uid);
		this.ledger.add(placement);
		decisions.bindings.push(placement);
		this.happened({ type: "podAdded", placement }, nowMs);
	}

	/** The pod keeps its place, and is tried again when its claims have changed. */
	#bindVolumes(entry: Entry, binding: VolumeBinding, nowMs: number, decisions: Decisions): void {
		entry.rejectedBy = ["VolumeBinding"];
		this.queue.rest(entry, nowMs);
		this.#nominate(entry, binding.node);
		decisions.volumeBindings.push(binding);
		decisions.waiting.push(entry);
	}

	/** The pod keeps its place and its devices, and is tried again when its claims say more of them; what failed is given back. */
	#prepareDevices(entry: Entry, preparation: DevicePreparation, state: Preparation, nowMs: number, decisions: Decisions): void {
		const { ref } = entry;
		entry.rejectedBy = ["DynamicResources"];
		decisions.waiting.push(entry);
		if (typeof state === "object") {
			this.#releaseDevices(
				entry,
				preparation.claims.map(({ name }) => name),
				decisions,
			);
			this.#nominate(entry, "");
			this.queue.failed(entry, nowMs, false);
			return void decisions.unplaced.push({ pod: ref, reason: "Unschedulable", message: availability(1, [state.failed]), nominatedNode: "" });
		}
		this.queue.rest(entry, nowMs);
		this.#nominate(entry, preparation.node);
		const first = entry.devices === undefined;
		entry.devices ??= preparation.claims;
		if (first) this.ledger.devices.add(ref.uid, entry.devices);
		decisions.devicePreparations.push({ ...preparation, claims: entry.devices });
	}

	#releaseDevices(entry: Entry, claims: string[], decisions: Decisions): void {
		if (entry.devices) this.ledger.devices.remove(entry.ref.uid, entry.devices);
		delete entry.devices;
		decisions.deviceReleases.push({ pod: entry.ref, claims });
	}

	#fail(entry: Entry, failure: Failure, nowMs: number, decisions: Decisions): void {
		const { victims } = failure;
		const stored = entry.attempts > 0 && entry.rejectedBy.length > 0 && entry.nominatedNode === (victims?.node.name ?? failure.nominatedNode);
		entry.rejectedBy = failure.rejectedBy;
		this.queue.failed(entry, nowMs, false);
		const unused = failure.rejectedBy.includes("DynamicResources") ? claimsElsewhere(entry.candidate, this.ledger) : [];
		if (unused.length > 0) this.#releaseDevices(entry, unused, decisions);
		const message = unused.length > 0 ? withDeallocation(failure.message) : failure.message;
		if (victims !== undefined) this.#preempt(entry, victims, decisions);
		else this.#nominate(entry, failure.nominatedNode);
		if (!stored) decisions.waiting.push(entry);
		decisions.unplaced.push({ pod: entry.ref, reason: "Unschedulable", message, nominatedNode: entry.nominatedNode });
		if (victims === undefined && failure.nominatedNode === "") this.#failures.set(entry.signature, { version: this.ledger.version, failure });
	}

	#knownFailure(entry: Entry): Failure | undefined {
		const known = this.#failures.get(entry.signature);
		return known?.version === this.ledger.version && entry.nominatedNode === "" ? known.failure : undefined;
	}

	#preempt(entry: Entry, { node, pods }: NonNullable<Failure["victims"]>, decisions: Decisions): void {
		for (const placement of pods) placement.preempted = true;
		const { ref, asked } = entry;
		decisions.preemptions.push({ preemptor: ref, schedulerName: asked.pod.spec?.schedulerName ?? "", node: node.name, victims: pods });
		for (const { ref: other, pod } of [...node.nominated.values()]) {
			if (pod.priority >= entry.priority || other.uid === ref.uid) continue;
			const loser = this.queue.get(other.uid);
			this.ledger.denominate(other.uid);
			if (loser === undefined) continue;
			loser.nominatedNode = "";
			decisions.denominated.push(other);
			decisions.waiting.push(loser);
			this.queue.activate(loser);
		}
		this.#nominate(entry, node.name);
	}

	#nominate(entry: Entry, node: string): void {
		entry.nominatedNode = node;
		if (node === "") this.ledger.denominate(entry.ref.uid);
		else this.ledger.nominate({ ref: entry.ref, node, pod: entry.candidate.scheduling });
	}
}
