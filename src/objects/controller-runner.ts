/**
 * Runs the controllers of one Durable Object. Keys are queued by changes and worked off in the turn that queued them; what
 * is left over, fails, or asks for a later look is a row of the queue table, which an alarm brings back.
 */
import { type CallOutcome, CallsNeeded, type OutsideCall, type Submission } from "../core/admission/outside-call.ts";
import type { Gathered } from "../core/controllers/autoscaling/metric-samples.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, ReconcileResult, Refusal, View, Watch } from "../core/controllers/controller.ts";
import type { Grouping, KubeObject, ResourceName } from "../core/meta/object.ts";
import type { Sql } from "../store/sql.ts";
import { StatusError } from "../core/errors/status-error.ts";
import { CreationRefused } from "./actions.ts";
import { AskingAttempt } from "./attempt.ts";
import { ControllerMemory } from "./controller-memory.ts";
import { countReconcile } from "./reconcile-count.ts";
import type { ResourceServer } from "./resource-server.ts";

/** Reconciles in one turn at most: beyond it the rest waits for the alarm, so that requests get their turn. */
export const RECONCILES_PER_TURN_MAX = 1_000;
/** The same for what they write: one reconcile of a ReplicaSet may make 500 Pods. */
export const WRITES_PER_TURN_MAX = 1_000;
/** Back-off of a key that fails, as workqueue.DefaultControllerRateLimiter. */
export const RETRY_BASE_MS = 5;
export const RETRY_MAX_MS = 1_000_000;

/** A reconcile that read many objects is not repeated before this long for each of them, in milliseconds: changes that come in a burst are taken together. */
const PAUSE_PER_OBJECT_MS = 0.1;
/** One that read no more than this is repeated at once. */
const CHEAP_READS_MAX = 100;

/** A key that fails so often in a row is told of by an Event about its object: once is chance. */
export const FAILURES_TOLD = 5;
/** How often one reconcile may have something new to ask of webhooks. */
const ADMISSION_ROUNDS_MAX = 100;
/** An alarm looks again at a reconcile that has waited this long for webhooks: longer than any of their timeouts, in milliseconds. */
const ADMISSION_WAIT_MS = 60_000;

/** A reconcile that waits for webhooks, or goes on with their answers. */
interface PendingAdmission extends Submission {
	controller: string;
	key: string;
	failures: number;
	/** What is still to be answered; undefined when all is. */
	calls: readonly OutsideCall[] | undefined;
	isTaken: boolean;
	rounds: number;
}

/** Keys that a controller that takes many at once gets at once. */
const BATCH_MAX = 500;

interface PendingKey {
	controller: string;
	key: string;
	failures: number;
}

export interface ControllerMetrics {
	reconciles: number;
	failures: number;
}

export class ControllerRunner {
	readonly metrics = new Map<string, ControllerMetrics>();
	readonly #server: ResourceServer;
	readonly #sql: Sql;
	readonly #controllers: ReadonlyMap<string, Controller>;
	readonly #watches: ReadonlyMap<ResourceName, { controller: string; watch: Watch }[]>;
	readonly #view: View;
	readonly #act: (controller: string, actions: readonly Action[]) => void;
	/** Keys to reconcile in this turn, in order; values are earlier failures. */
	readonly #pending = new Map<string, PendingKey>();
	/** Until when a key that was costly waits, in milliseconds since 1970. */
	readonly #pausedUntil = new Map<string, number>();
	readonly #memory: ControllerMemory;
	readonly #gathered = new Map<string, Gathered>();
	/** Objects that the present reconcile has read. */
	#reads = 0;
	/** Keys that have a row in the queue table: when they are due, and how often they have failed in a row. */
	readonly #rows = new Map<string, { dueMs: number; failures: number }>();
	/** Reconciles whose writes are to be admitted by webhooks first. */
	readonly #admissions = new Map<string, PendingAdmission>();

	constructor(server: ResourceServer, controllers: readonly Controller[], act: (controller: string, actions: readonly Action[]) => void) {
		this.#server = server;
		this.#sql = server.ports.sql;
		this.#memory = new ControllerMemory(server.ports.sql);
		this.#controllers = new Map(controllers.map((controller) => [controller.name, controller]));
		this.#watches = watchesByResource(controllers);
		this.#view = viewOf(server, (objects) => {
			this.#reads += objects;
		});
		this.#act = act;
		for (const row of this.#sql.all<{ controller: string; key: string; due_ms: number; failures: number }>(
			"SELECT controller, key, due_ms, failures FROM queue",
		))
			this.#rows.set(id(row.controller, row.key), { dueMs: row.due_ms, failures: row.failures });
	}

	get view(): View {
		return this.#view;
	}

	/** Queues the keys that a change concerns. */
	onChange(change: ObjectChange): void {
		for (const { controller, watch } of [...(this.#watches.get(change.resource) ?? []), ...(this.#watches.get("*") ?? [])])
			this.#enqueueAll(controller, watch, change);
	}

	/** Queues the keys that a change of a replica concerns: of the controllers that watch the collection by its name. */
	onReplicaChange(change: ObjectChange): void {
		for (const { controller, watch } of this.#watches.get(change.resource) ?? []) this.#enqueueAll(controller, watch, change);
	}

	/** A controller that throws at a change misses that change, and holds up nothing else. */
	#enqueueAll(controller: string, watch: Watch, change: ObjectChange): void {
		try {
			for (const key of watch.keys(change, this.#view)) this.enqueue(controller, key);
		} catch (error) {
			countReconcile(controller, "error");
			this.#server.ports.logError(`controller ${controller} failed on a change of ${change.resource}`, error);
		}
	}

	get hasPending(): boolean {
		return this.#pending.size > 0;
	}

	enqueue(controller: string, key: string): void {
		const entry = id(controller, key);
		if (!this.#pending.has(entry)) this.#pending.set(entry, { controller, key, failures: this.#rows.get(entry)?.failures ?? 0 });
	}

	/** The controllers that a message about `key` concerns. */
	controllersWith(key: string): string[] {
		return [...this.#controllers.values()].filter((controller) => controller.standingKeys?.includes(key)).map((controller) => controller.name);
	}

	/** Works off what is queued, and what that queues in turn. */
	drain(): void {
		const writesEnd = this.#server.committedCount() + WRITES_PER_TURN_MAX;
		for (let budget = RECONCILES_PER_TURN_MAX; this.#pending.size > 0; budget--) {
			if (this.#server.committedCount() >= writesEnd) budget = 0;
			const [entry, work] = this.#pending.entries().next().value as [string, PendingKey];
			this.#pending.delete(entry);
			if (this.#admissions.get(entry)?.calls !== undefined) continue;
			if (budget <= 0) this.#defer(work.controller, work.key, this.#server.ports.nowMs(), work.failures);
			else if (this.#controllers.get(work.controller)?.reconcileAll)
				budget -= this.#reconcileAll(work.controller, [work, ...this.#takePending(work.controller)]);
			else if (!this.#pauses(entry, work)) this.#reconcile(work);
		}
	}

	/** The other pending keys of a controller that takes many at once. */
	#takePending(controller: string): PendingKey[] {
		const taken: PendingKey[] = [];
		for (const [entry, work] of this.#pending) {
			if (work.controller !== controller) continue;
			taken.push(work);
			this.#pending.delete(entry);
			if (taken.length >= BATCH_MAX) break;
		}
		return taken;
	}

	/** All in one transaction; when that fails each alone, so that the one at fault holds up no other. Returns how many. */
	#reconcileAll(name: string, work: readonly PendingKey[]): number {
		const controller = this.#controllers.get(name);
		const mark = this.#server.committedCount();
		try {
			const keys = work.map(({ key }) => key);
			this.#server.transaction(() => this.#act(name, controller?.reconcileAll?.(keys, this.#view, this.#context(name, this.#server.ports)) ?? []));
		} catch (error) {
			if (work.length > 1) this.#server.ports.logError(`controller ${name} failed on ${work.length} keys at once`, error);
			for (const one of work) this.#reconcile(one);
			return work.length;
		}
		this.#count(name).reconciles += work.length;
		for (const { key } of work) this.#forget(name, key);
		for (const change of this.#server.committedSince(mark)) this.onChange(change);
		return work.length;
	}

	/** Queues the keys whose time has come. */
	takeDue(): void {
		const nowMs = this.#server.ports.nowMs();
		for (const row of this.#sql.all<{ controller: string; key: string; failures: number }>(
			"SELECT controller, key, failures FROM queue WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
			nowMs,
			RECONCILES_PER_TURN_MAX,
		)) {
			this.#pending.set(id(row.controller, row.key), row);
		}
	}

	/** When the next queued key is due, in milliseconds since 1970. */
	nextDueMs(): number | undefined {
		let next: number | undefined;
		for (const { dueMs } of this.#rows.values()) if (next === undefined || dueMs < next) next = dueMs;
		return next;
	}

	/** What reconciles have to ask of webhooks: each is told once, and `answered` goes on with it. */
	takeCalls(): { entry: string; calls: readonly OutsideCall[] }[] {
		const taken: { entry: string; calls: readonly OutsideCall[] }[] = [];
		for (const [entry, pending] of this.#admissions) {
			if (pending.calls === undefined || pending.isTaken) continue;
			pending.isTaken = true;
			taken.push({ entry, calls: pending.calls });
		}
		return taken;
	}

	/** Queues a key again whose questions are answered. */
	answered(entry: string, outcomes: readonly CallOutcome[]): void {
		const pending = this.#admissions.get(entry);
		if (pending === undefined) return;
		pending.outcomes.push(...outcomes);
		pending.calls = undefined;
		this.#pending.set(entry, { controller: pending.controller, key: pending.key, failures: pending.failures });
	}

	/** Puts a key off until its writes are admitted. Its row brings it back should this object not live to hear the answers. False when it has asked too often. */
	#awaitCalls(name: string, key: string, failures: number, attempt: AskingAttempt, calls: readonly OutsideCall[]): boolean {
		const entry = id(name, key);
		const { outcomes = [], rounds = 0 } = this.#admissions.get(entry) ?? {};
		if (rounds >= ADMISSION_ROUNDS_MAX) return false;
		this.#admissions.set(entry, { controller: name, key, failures, draws: attempt.draws(), outcomes, calls, isTaken: false, rounds: rounds + 1 });
		this.#defer(name, key, this.#server.ports.nowMs() + ADMISSION_WAIT_MS, failures);
		return true;
	}

	#reconcile({ controller: name, key, failures }: PendingKey): void {
		const controller = this.#controllers.get(name);
		if (controller === undefined) return this.#forget(name, key);
		const metrics = this.#count(name);
		metrics.reconciles++;
		const mark = this.#server.committedCount();
		this.#reads = 0;
		const attempt = new AskingAttempt(this.#server.ports, this.#admissions.get(id(name, key)));
		try {
			const { result, refused } = this.#decide(controller, key, attempt);
			this.#admissions.delete(id(name, key));
			this.#gathered.delete(id(name, key));
			if (refused) metrics.failures++;
			countReconcile(name, refused ? "refused" : "success");
			if (refused) this.#retry(name, key, failures, result.requeueAfterMs);
			else if (result.requeueAfterMs === undefined) this.#forget(name, key);
			else this.#defer(name, key, this.#server.ports.nowMs() + result.requeueAfterMs, 0);
		} catch (error) {
			if (error instanceof CallsNeeded && this.#awaitCalls(name, key, failures, attempt, error.calls)) return;
			this.#admissions.delete(id(name, key));
			this.#gathered.delete(id(name, key));
			metrics.failures++;
			countReconcile(name, "error");
			this.#server.ports.logError(`controller ${name} failed on ${key} (failure ${failures + 1})`, error);
			this.#retry(name, key, failures);
			if (failures + 1 >= FAILURES_TOLD) this.#tell(controller, key, error);
		}
		if (this.#reads > CHEAP_READS_MAX) this.#pausedUntil.set(id(name, key), this.#server.ports.nowMs() + this.#reads * PAUSE_PER_OBJECT_MS);
		for (const change of this.#server.committedSince(mark)) this.onChange(change);
	}

	/** Reads, decides and writes in one transaction; when a creation is refused, once more by a controller that can live with it. */
	#decide(controller: Controller, key: string, attempt: AskingAttempt): { result: ReconcileResult; refused: boolean } {
		try {
			return { result: this.#attempt(controller, key, attempt), refused: false };
		} catch (error) {
			if (!(error instanceof CreationRefused) || !controller.hearsRefusals) throw error;
			return { result: this.#attempt(controller, key, attempt.again(), { created: error.created, message: error.message }), refused: true };
		}
	}

	#attempt(controller: Controller, key: string, attempt: AskingAttempt, refusal?: Refusal): ReconcileResult {
		return this.#server.trying(attempt, () =>
			this.#decideAndAct(controller, key, { ...this.#context(controller.name, attempt), ...(refusal ? { refusal } : {}) }),
		);
	}

	#decideAndAct(controller: Controller, key: string, context: ReconcileContext): ReconcileResult {
		return this.#server.transaction(() => {
			const found = controller.reconcile(key, this.#view, context);
			this.#act(controller.name, found.actions);
			return found;
		});
	}

	/** `soonerMs`: what the controller waits for besides, which no back-off puts off. */
	#retry(name: string, key: string, failures: number, soonerMs = Number.POSITIVE_INFINITY): void {
		const backoffMs = Math.min(RETRY_BASE_MS * 2 ** failures, RETRY_MAX_MS);
		this.#defer(name, key, this.#server.ports.nowMs() + Math.min(backoffMs, soonerMs), failures + 1);
	}

	/** An Event about the object that cannot be reconciled. What is the control plane's own fault is for its log. */
	#tell(controller: Controller, key: string, error: unknown): void {
		const resource = controller.watches[0]?.resource;
		const about = controller.objectOf
			? controller.objectOf(key, this.#view)
			: resource === undefined || resource === "*"
				? undefined
				: this.#view.get(resource, key);
		if (about === undefined) return;
		const cause = error instanceof CreationRefused || (error instanceof StatusError && error.code < 500);
		const why = cause ? (error as Error).message : "an internal fault; the control plane's log has the cause";
		const message = `The ${controller.name} controller cannot reconcile this object, and tries again less and less often: ${why}`;
		try {
			this.#server.transaction(() => this.#act(controller.name, [{ type: "event", about, eventType: "Warning", reason: "ReconcileFailed", message }]));
		} catch (fault) {
			this.#server.ports.logError(`an Event about ${key}`, fault);
		}
	}

	#count(controller: string): ControllerMetrics {
		const metrics = this.metrics.get(controller) ?? { reconciles: 0, failures: 0 };
		this.metrics.set(controller, metrics);
		return metrics;
	}

	/** Puts a key off whose last reconcile was costly and is not long past. */
	#pauses(entry: string, { controller, key, failures }: { controller: string; key: string; failures: number }): boolean {
		const untilMs = this.#pausedUntil.get(entry);
		if (untilMs === undefined) return false;
		if (untilMs <= this.#server.ports.nowMs()) {
			this.#pausedUntil.delete(entry);
			return false;
		}
		if ((this.#rows.get(entry)?.dueMs ?? Number.POSITIVE_INFINITY) > untilMs) this.#defer(controller, key, Math.ceil(untilMs), failures);
		return true;
	}

	/** What was gathered for a key, until the key's next reconcile is done. */
	gatheredFor(controller: string, key: string, gathered: Gathered): void {
		this.#gathered.set(id(controller, key), gathered);
		this.enqueue(controller, key);
	}

	#context(controller: string, attempt: Pick<AskingAttempt, "nowMs" | "random">): ReconcileContext {
		const { namespace } = this.#server;
		return {
			nowMs: attempt.nowMs(),
			namespace,
			random: () => attempt.random(),
			suffix: (length) => this.#server.suffix(length),
			recall: (key) => this.#memory.recall(controller, key),
			gathered: (key) => this.#gathered.get(id(controller, key)),
		};
	}

	#defer(controller: string, key: string, dueMs: number, failures: number): void {
		this.#sql.run("INSERT OR REPLACE INTO queue (controller, key, due_ms, failures) VALUES (?, ?, ?, ?)", controller, key, dueMs, failures);
		this.#rows.set(id(controller, key), { dueMs, failures });
	}

	#forget(controller: string, key: string): void {
		if (!this.#rows.delete(id(controller, key))) return;
		this.#sql.run("DELETE FROM queue WHERE controller = ? AND key = ?", controller, key);
	}
}

const id = (controller: string, key: string): string => `${controller}\n${key}`;

function watchesByResource(controllers: readonly Controller[]): Map<ResourceName, { controller: string; watch: Watch }[]> {
	const byResource = new Map<ResourceName, { controller: string; watch: Watch }[]>();
	for (const controller of controllers)
		for (const watch of controller.watches) byResource.set(watch.resource, [...(byResource.get(watch.resource) ?? []), { controller: controller.name, watch }]);
	return byResource;
}

/** The store as controllers see it; `count` hears how many objects each question gave. */
export function viewOf({ store, replicas }: ResourceServer, count: (objects: number) => void = () => {}): View {
	const counted = <T extends readonly unknown[]>(found: T): T => {
		count(found.length);
		return found;
	};
	return {
		get: <T extends KubeObject>(resource: ResourceName, name: string) =>
			replicas[resource] ? (replicas[resource].get(name) as T | undefined) : store.get<T>(resource, name),
		list: <T extends KubeObject>(resource: ResourceName, labels?: Record<string, string>) => {
			const pairs = Object.entries(labels ?? {});
			const replica = replicas[resource]?.list() as T[] | undefined;
			if (replica !== undefined) return counted(replica.filter(({ metadata }) => pairs.every(([key, value]) => metadata.labels?.[key] === value)));
			if (labels === undefined) return counted(store.list<T>(resource));
			const matches = (_name: string, { labels: own }: { labels: Record<string, string> }) => pairs.every(([key, value]) => own[key] === value);
			return counted(store.list<T>(resource, { matcher: { requiredLabels: pairs, matches } }));
		},
		grouped: <T extends KubeObject>(grouping: Grouping, key: string) => counted(store.grouped<T>(grouping, key)),
		controlledBy: <T extends KubeObject>(resource: ResourceName, uid: string) => counted(store.ownedBy(uid, resource).map((found) => found.object as T)),
		ownedBy: (uid) => counted(store.ownedBy(uid)),
	};
}
