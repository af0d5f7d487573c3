/**
 * The pods that wait for a node, as kube-scheduler's SchedulingQueue: those to be tried, by priority; those that were moved
 * by a happening but must pause first; and those that nothing has happened for.
 */
import type { ClaimAllocation } from "../devices/device-ledger.ts";
import type { PodRef } from "../protocol/messages.ts";
import type { PersistentVolumeClaim, Pod } from "../schema/kubernetes.d.ts";
import type { SchedulerConfiguration } from "./configuration/scheduler-configuration.ts";
import type { Candidate } from "./plugin.ts";
import type { Profile } from "./profile.ts";
import { podRefOf, schedulingPodOf } from "./scheduling-pod.ts";

/** A pod that nothing has happened for is tried again nonetheless (podMaxInUnschedulablePodsDuration). */
export const UNSCHEDULABLE_MAX_MS = 5 * 60_000;

const SECOND_MS = 1_000;

/** How long a pod pauses after an attempt that failed. */
export type PauseLimits = Pick<SchedulerConfiguration, "podInitialBackoffSeconds" | "podMaxBackoffSeconds">;

/** A pod as a Namespace object asks for it, with the claims that it names. */
export interface Asked {
	pod: Pod;
	volumeClaims?: PersistentVolumeClaim[];
}

export interface QueuedPod {
	asked: Asked;
	attempts: number;
	/** Plugins that turned a node down at the last attempt. */
	rejectedBy: string[];
	/** Where others make way for it; "" nowhere. */
	nominatedNode: string;
	/** What its claims have been given on that node, where its devices must be made ready first. */
	devices?: ClaimAllocation[];
}

type Stage = "active" | "pausing" | "unschedulable" | "tried";

/** A queued pod and what is worked out of it. */
export class Entry implements QueuedPod {
	readonly ref: PodRef;
	readonly candidate: Candidate;
	readonly asked: Asked;
	/** The same for pods that the same nodes will do for. */
	readonly signature: string;
	attempts: number;
	rejectedBy: string[];
	nominatedNode: string;
	devices?: ClaimAllocation[];
	stage: Stage = "tried";
	/** Order of arrival in its stage. */
	turn = 0;
	/** When its pause is over, or when it is tried without cause, in milliseconds since 1970. */
	dueMs = 0;
	/** Failed by a fault and not for want of a node: it pauses even when there is nothing else to do. */
	faulty = false;
	/** When the last attempt was. */
	triedMs = 0;

	constructor({ asked, attempts, rejectedBy, nominatedNode, devices }: QueuedPod, profile: Profile) {
		const { pod, volumeClaims = [] } = asked;
		this.ref = podRefOf(pod);
		this.asked = asked;
		this.candidate = { ref: this.ref, pod, scheduling: schedulingPodOf(pod), volumeClaims, profile };
		const { name: _name, uid: _uid, creationTimestamp: _created, ...metadata } = pod.metadata;
		this.signature = volumeClaims.length + (pod.spec?.resourceClaims?.length ?? 0) > 0 ? this.ref.uid : JSON.stringify([metadata, pod.spec]);
		this.attempts = attempts;
		this.rejectedBy = rejectedBy;
		this.nominatedNode = nominatedNode;
		if (devices) this.devices = devices;
	}

	get priority(): number {
		return this.candidate.scheduling.priority;
	}

	/** What must outlive the process. */
	stored(): QueuedPod {
		const { asked, attempts, rejectedBy, nominatedNode, devices } = this;
		return { asked, attempts, rejectedBy, nominatedNode, ...(devices ? { devices } : {}) };
	}
}

export class SchedulingQueue {
	readonly #entries = new Map<string, Entry>();
	/** The next one last. */
	#active: Entry[] = [];
	#sorted = true;
	readonly #pausing = new Set<Entry>();
	readonly #unschedulable = new Set<Entry>();
	readonly #pauses: PauseLimits;
	#turns = 0;

	constructor(pauses: PauseLimits) {
		this.#pauses = pauses;
	}

	get size(): number {
		return this.#entries.size;
	}

	uids(): string[] {
		return [...this.#entries.keys()];
	}

	get(uid: string): Entry | undefined {
		return this.#entries.get(uid);
	}

	unschedulable(): IterableIterator<Entry> {
		return this.#unschedulable.values();
	}

	get hasUnschedulable(): boolean {
		return this.#unschedulable.size > 0;
	}

	/** Puts a pod up for its turn. */
	activate(entry: Entry): void {
		this.#leaveStage(entry);
		this.#entries.set(entry.ref.uid, entry);
		entry.stage = "active";
		entry.turn = ++this.#turns;
		this.#active.push(entry);
		this.#sorted = false;
	}

	/** Something has happened that may help it. */
	wake(entry: Entry, nowMs: number): void {
		const dueMs = entry.triedMs + this.#pauseMs(entry.attempts);
		if (dueMs <= nowMs) return this.activate(entry);
		this.#pause(entry, dueMs);
	}

	/** It was tried in vain. */
	failed(entry: Entry, nowMs: number, faulty: boolean): void {
		entry.attempts++;
		entry.triedMs = nowMs;
		entry.faulty = faulty;
		if (faulty) return this.#pause(entry, nowMs + this.#pauseMs(entry.attempts));
		this.rest(entry, nowMs);
	}

	/** Waits for something to happen. */
	rest(entry: Entry, nowMs: number): void {
		this.#leaveStage(entry);
		this.#entries.set(entry.ref.uid, entry);
		entry.stage = "unschedulable";
		entry.dueMs = nowMs + UNSCHEDULABLE_MAX_MS;
		this.#unschedulable.add(entry);
	}

	remove(uid: string): Entry | undefined {
		const entry = this.#entries.get(uid);
		if (entry === undefined) return undefined;
		this.#leaveStage(entry);
		this.#entries.delete(uid);
		return entry;
	}

	/** The next pod to try: by priority, then by arrival; pods that pause come early where no other waits. */
	pop(nowMs: number): Entry | undefined {
		this.#takeDue(nowMs);
		if (!this.#sorted) this.#active.sort((a, b) => a.priority - b.priority || b.turn - a.turn);
		this.#sorted = true;
		const next = this.#active.pop() ?? this.#popPausing();
		if (next !== undefined) next.stage = "tried";
		return next;
	}

	/** Whether a pod can be tried now: one that pauses is, where no other waits. */
	isReady(nowMs: number): boolean {
		if (this.#active.length > 0) return true;
		return [...this.#pausing].some((entry) => !entry.faulty || entry.dueMs <= nowMs);
	}

	/** When the queue has something to do again, in milliseconds since 1970. */
	nextDueMs(nowMs: number): number | undefined {
		if (this.#active.length > 0) return nowMs;
		let next: number | undefined;
		for (const stage of [this.#pausing, this.#unschedulable]) for (const { dueMs } of stage) if (next === undefined || dueMs < next) next = dueMs;
		return next;
	}

	#pause(entry: Entry, dueMs: number): void {
		this.#leaveStage(entry);
		this.#entries.set(entry.ref.uid, entry);
		entry.stage = "pausing";
		entry.dueMs = dueMs;
		this.#pausing.add(entry);
	}

	#popPausing(): Entry | undefined {
		let next: Entry | undefined;
		for (const entry of this.#pausing) if (!entry.faulty && (next === undefined || entry.dueMs < next.dueMs)) next = entry;
		if (next !== undefined) this.#pausing.delete(next);
		return next;
	}

	#takeDue(nowMs: number): void {
		for (const stage of [this.#pausing, this.#unschedulable]) for (const entry of stage) if (entry.dueMs <= nowMs) this.activate(entry);
	}

	#pauseMs(attempts: number): number {
		const { podInitialBackoffSeconds: initial, podMaxBackoffSeconds: max } = this.#pauses;
		return Math.min(initial * 2 ** Math.max(0, attempts - 1), max) * SECOND_MS;
	}

	#leaveStage(entry: Entry): void {
		this.#pausing.delete(entry);
		this.#unschedulable.delete(entry);
		if (entry.stage !== "active") return;
		const at = this.#active.lastIndexOf(entry);
		if (at >= 0) this.#active.splice(at, 1);
	}
}
