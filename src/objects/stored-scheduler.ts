/**
 * The scheduler with its memory in the Cluster object's tables: a row for each pod that has a node and for each that waits
 * (its node is ""), written in the transaction of the decision.
 */
import { createHash } from "node:crypto";
import type { AttachDetachDeps } from "../core/controllers/attachdetach-controller.ts";
import type { DeviceObjects } from "../core/devices/device-ledger.ts";
import { podRefOf, type Placement, schedulingPodOf } from "../core/scheduler/scheduling-pod.ts";
import type { SchedulerConfiguration } from "../core/scheduler/configuration/scheduler-configuration.ts";
import type { SchedulingContext } from "../core/scheduler/schedule.ts";
import { type Decisions, Scheduler } from "../core/scheduler/scheduler.ts";
import type { Asked, QueuedPod } from "../core/scheduler/scheduling-queue.ts";
import type { VolumeObjects } from "../core/scheduler/volume-objects.ts";
import type { Ledger } from "../core/scheduler/ledger.ts";
import type { Node, Pod, PodDisruptionBudget } from "../core/schema/kubernetes.d.ts";
import type { CorePorts } from "./ports.ts";

/** The node of a pod that waits. */
const NOWHERE = "";
/** Released pods remembered at most. */
const RELEASED_MAX = 4_096;
/** Before a namespace's name, in the meta table. */
const BUDGETS = "budgets/";

export class StoredScheduler {
	readonly #ports: CorePorts;
	readonly #scheduler: Scheduler;
	readonly #onVolumes: (node: string) => void;
	/** Pods that have asked since the last decisions: those that are still undecided after them get a row. */
	readonly #new = new Set<string>();
	/** Pods that were released not long ago: what still comes of them was sent before. */
	readonly #released = new Set<string>();

	/** `onVolumes`: what pods with volumes are on the node changed. */
	constructor(ports: CorePorts, objects: VolumeObjects, configuration: SchedulerConfiguration, onVolumes: (node: string) => void, devices: DeviceObjects) {
		this.#ports = ports;
		this.#onVolumes = onVolumes;
		this.#scheduler = new Scheduler(objects, configuration, devices);
	}

	/** What the attach-detach controller goes by. */
	get attachDetach(): AttachDetachDeps {
		return { placements: () => this.ledger.all(), digest: (text) => createHash("sha256").update(text).digest("hex") };
	}

	get ledger(): Ledger {
		return this.#scheduler.ledger;
	}

	load(nodes: readonly Node[]): void {
		const { sql } = this.#ports;
		const nowMs = this.#ports.nowMs();
		for (const node of nodes) this.#scheduler.setNode(node, nowMs);
		for (const { body } of sql.all<{ body: string }>("SELECT body FROM placements WHERE node <> ''")) this.ledger.add(JSON.parse(body) as Placement);
		for (const { body } of sql.all<{ body: string }>("SELECT body FROM placements WHERE node = ''"))
			this.#scheduler.restore(JSON.parse(body) as QueuedPod, nowMs);
		for (const { key, value } of sql.all<{ key: string; value: string }>("SELECT key, value FROM meta WHERE key LIKE ?", `${BUDGETS}%`))
			this.#scheduler.setBudgets(key.slice(BUDGETS.length), JSON.parse(value) as PodDisruptionBudget[]);
	}

	/** Asks for a node; returns the placement of a pod that has one. */
	ask(asked: Asked): Placement | undefined {
		const uid = asked.pod.metadata.uid ?? "";
		const placement = this.ledger.get(uid);
		if (this.#released.has(uid)) return undefined;
		if (placement === undefined && this.#scheduler.ask(asked)) this.#new.add(uid);
		return placement;
	}

	/** A pod that others have bound, or one whose labels or requests are others now. */
	record(pod: Pod): void {
		const ref = podRefOf(pod);
		const node = pod.spec?.nodeName ?? "";
		if (this.#released.has(ref.uid)) return;
		const known = this.ledger.get(ref.uid);
		const sinceMs = known?.sinceMs ?? this.#ports.nowMs();
		const kept: Partial<Placement> =
			known?.node === node ? { ...(known.preempted ? { preempted: true } : {}), ...(known.devices ? { devices: known.devices } : {}) } : {};
		const placement: Placement = { ref, node, pod: schedulingPodOf(pod), sinceMs, ...kept };
		this.#scheduler.record(placement, this.#ports.nowMs());
		this.#store(ref.uid, ref.namespace, node, placement);
		this.#noteVolumes(placement);
	}

	/** That decision did not become a binding: the pod is to get another. */
	unbound(asked: Asked, sinceMs: number): void {
		const uid = asked.pod.metadata.uid ?? "";
		if (this.ledger.get(uid)?.sinceMs !== sinceMs) return;
		this.#scheduler.release(uid, this.#ports.nowMs());
		this.#ports.sql.run("DELETE FROM placements WHERE uid = ?", uid);
		this.ask(asked);
	}

	release(uid: string): void {
		const placement = this.ledger.get(uid);
		this.#scheduler.release(uid, this.#ports.nowMs());
		this.#released.add(uid);
		const oldest = this.#released.size > RELEASED_MAX ? this.#released.values().next().value : undefined;
		if (oldest !== undefined) this.#released.delete(oldest);
		this.#ports.sql.run("DELETE FROM placements WHERE uid = ?", uid);
		if (placement) this.#noteVolumes(placement);
	}

	#noteVolumes({ node, pod }: Placement): void {
		if (pod.claims?.length) this.#onVolumes(node);
	}

	setNode(node: Node): void {
		this.#scheduler.setNode(node, this.#ports.nowMs());
	}

	deleteNode(name: string): void {
		this.#scheduler.deleteNode(name, this.#ports.nowMs());
	}

	/** An object that volumes depend on came, went or changed. */
	objectChanged(resource: string): void {
		this.ledger.version++;
		this.#scheduler.happened({ type: "objectChanged", resource }, this.#ports.nowMs());
	}

	deleteNamespace(name: string): void {
		this.ledger.deleteNamespace(name);
		this.setBudgets(name, []);
	}

	setBudgets(namespace: string, budgets: readonly PodDisruptionBudget[]): void {
		this.#scheduler.setBudgets(namespace, budgets);
		if (budgets.length === 0) this.#ports.sql.run("DELETE FROM meta WHERE key = ?", BUDGETS + namespace);
		else this.#ports.sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", BUDGETS + namespace, JSON.stringify(budgets));
	}

	/** uids of the pods that wait. */
	waiting(): string[] {
		return this.#scheduler.queue.uids();
	}

	/** Whether a pod can be tried now. */
	isReady(): boolean {
		return this.#scheduler.queue.isReady(this.#ports.nowMs());
	}

	nextDueMs(nowMs: number): number | undefined {
		return this.#scheduler.queue.nextDueMs(nowMs);
	}

	run(ctx: SchedulingContext, limit: number): Decisions {
		const decisions = this.#scheduler.run(ctx, limit);
		for (const placement of [...decisions.bindings, ...decisions.preemptions.flatMap(({ victims }) => victims)])
			this.#store(placement.ref.uid, placement.ref.namespace, placement.node, placement);
		for (const placement of decisions.bindings) this.#noteVolumes(placement);
		const undecided = [...this.#new].map((uid) => this.#scheduler.queue.get(uid)).filter((entry) => entry !== undefined);
		for (const entry of new Set([...decisions.waiting, ...undecided])) this.#store(entry.ref.uid, entry.ref.namespace, NOWHERE, entry.stored());
		this.#new.clear();
		return decisions;
	}

	#store(uid: string, namespace: string, node: string, body: Placement | QueuedPod): void {
		this.#ports.sql.run("INSERT OR REPLACE INTO placements (uid, namespace, node, body) VALUES (?, ?, ?, ?)", uid, namespace, node, JSON.stringify(body));
	}
}
