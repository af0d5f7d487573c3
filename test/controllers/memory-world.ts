/**
 * One namespace in memory, for testing controllers without a store: it carries their actions out as the API would, as far
 * as they can tell, and runs what the changes queue. Time and chance are the test's.
 */
import type { Gathered } from "../../src/core/controllers/autoscaling/metric-samples.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, View } from "../../src/core/controllers/controller.ts";
import { semanticEqual } from "../../src/core/meta/equality.ts";
import { metaTime } from "../../src/core/controllers/meta-time.ts";
import type { Grouping, KubeObject, ResourceName } from "../../src/core/meta/object.ts";
import type { ObjectMessage } from "../../src/core/protocol/messages.ts";
import type { Pod } from "../../src/core/schema/kubernetes.d.ts";

type WithParts = KubeObject & { spec?: unknown; status?: unknown };
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
/** More reconciles than this in one drain mean controllers that never rest. */
const RECONCILES_MAX = 20_000;

export class MemoryWorld implements View {
	nowMs = Date.parse("2026-01-01T00:00:00Z");
	readonly messages: ObjectMessage[] = [];
	readonly gathers: Extract<Action, { type: "gather" }>[] = [];
	readonly events: Extract<Action, { type: "event" }>[] = [];
	readonly memory = new Map<string, unknown>();
	/** What the next reconciles find gathered. */
	gathered: Gathered | undefined;
	readonly #namespace: string;
	readonly #controllers: readonly Controller[];
	readonly #objects = new Map<ResourceName, Map<string, WithParts>>();
	readonly #queue = new Map<string, { controller: Controller; key: string }>();
	readonly #later = new Map<string, { controller: Controller; key: string; atMs: number }>();
	#seed: number;
	#serial = 0;

	constructor(controllers: readonly Controller[], namespace = "default", seed = 1) {
		this.#controllers = controllers;
		this.#namespace = namespace;
		this.#seed = seed >>> 0 || 1;
	}

	get<T extends KubeObject>(resource: ResourceName, name: string): T | undefined {
		return this.#objects.get(resource)?.get(name) as T | undefined;
	}

	list<T extends KubeObject>(resource: ResourceName, labels: Record<string, string> = {}): T[] {
		const all = [...(this.#objects.get(resource)?.values() ?? [])];
		return all.filter(({ metadata }) => Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value)) as KubeObject[] as T[];
	}

	grouped<T extends KubeObject>(grouping: Grouping, key: string): T[] {
		return this.list<T>(grouping.resource).filter((object) => grouping.keys(object).includes(key));
	}

	controlledBy<T extends KubeObject>(resource: ResourceName, uid: string): T[] {
		return this.list<T>(resource).filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === uid));
	}

	ownedBy(uid: string): { resource: ResourceName; object: KubeObject }[] {
		const owned = (object: KubeObject): boolean => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
		return [...this.#objects].flatMap(([resource, byName]) => [...byName.values()].filter(owned).map((object) => ({ resource, object })));
	}

	context(): ReconcileContext {
		return {
			nowMs: this.nowMs,
			namespace: this.#namespace,
			random: () => this.random(),
			suffix: (length) => this.#suffix(length),
			recall: (key) => this.memory.get(key),
			gathered: () => this.gathered,
		};
	}

	/** xorshift32. */
	random(): number {
		this.#seed ^= this.#seed << 13;
		this.#seed ^= this.#seed >>> 17;
		this.#seed ^= this.#seed << 5;
		this.#seed >>>= 0;
		return this.#seed / 2 ** 32;
	}

	/** Puts an object there as it is, queueing nothing; `name` is that of a replica of other objects' objects. */
	place(resource: ResourceName, object: KubeObject, name = object.metadata.name ?? ""): void {
		const byName = this.#objects.get(resource) ?? new Map<string, WithParts>();
		byName.set(name, object);
		this.#objects.set(resource, byName);
	}

	create(resource: ResourceName, object: KubeObject): void {
		const name = object.metadata.name ?? "";
		if (this.get(resource, name)) throw new Error(`${resource} ${name} already exists`);
		const made: WithParts = structuredClone(object);
		Object.assign(made.metadata, { namespace: this.#namespace, uid: `uid-${++this.#serial}`, creationTimestamp: metaTime(this.nowMs), generation: 1 });
		this.#commit(resource, undefined, made);
	}

	/** Changes a draft of the object and stores it: `part` says which half may change. */
	write(resource: ResourceName, next: KubeObject, part: "spec" | "status" | "both"): void {
		const old = this.get<WithParts>(resource, next.metadata.name ?? "");
		if (!old) throw new Error(`${resource} ${next.metadata.name} not found`);
		if (next.metadata.resourceVersion !== old.metadata.resourceVersion) throw new Error(`${resource} ${next.metadata.name} was written twice from one reading`);
		const made: WithParts = structuredClone(next);
		if (part === "spec") made.status = old.status;
		if (part === "status") made.spec = old.spec;
		made.metadata.generation = (old.metadata.generation ?? 0) + (semanticEqual(made.spec, old.spec) ? 0 : 1);
		if (semanticEqual(made, old)) return;
		if (made.metadata.deletionTimestamp && !made.metadata.finalizers?.length && !made.metadata.deletionGracePeriodSeconds)
			this.#commit(resource, old, undefined);
		else this.#commit(resource, old, made);
	}

	/** Reads, lets `change` change a copy, and writes it back. */
	edit<T extends KubeObject>(resource: ResourceName, name: string, change: (draft: T) => void): void {
		const draft = structuredClone(this.get<T>(resource, name)) as T;
		change(draft);
		this.write(resource, draft, "both");
	}

	remove(resource: ResourceName, name: string, options: { gracePeriodSeconds?: number; propagation?: string } = {}): void {
		const old = this.get<WithParts>(resource, name);
		if (!old) return;
		const pod = resource === "pods" ? (old as Pod) : undefined;
		const runs = pod?.spec?.nodeName && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed";
		const grace = runs ? (options.gracePeriodSeconds ?? 30) : 0;
		const made = structuredClone(old);
		const finalizer = { Foreground: "foregroundDeletion", Orphan: "orphan" }[options.propagation ?? ""];
		const finalizers = [...(old.metadata.finalizers ?? []).filter((f) => f !== finalizer), ...(finalizer ? [finalizer] : [])];
		Object.assign(made.metadata, { deletionTimestamp: old.metadata.deletionTimestamp ?? metaTime(this.nowMs), deletionGracePeriodSeconds: grace, finalizers });
		if (grace === 0 && finalizers.length === 0) this.#commit(resource, old, undefined);
		else if (!semanticEqual(made, old)) this.#commit(resource, old, made);
	}

	enqueue(name: string, key: string): void {
		const controller = this.#controllers.find((c) => c.name === name);
		if (!controller) throw new Error(`no controller ${name}`);
		this.#queue.set(`${name} ${key}`, { controller, key });
	}

	/** Carries out what a controller, or a message, decided. */
	act(actions: readonly Action[]): void {
		for (const action of actions) {
			if (action.type === "create") this.create(action.resource, action.object);
			else if (action.type === "update") this.write(action.resource, action.object, action.subresource === "binding" ? "both" : "spec");
			else if (action.type === "updateStatus") this.write(action.resource, action.object, "status");
			else if (action.type === "event") this.events.push(action);
			else if (action.type === "send") this.messages.push(action.message);
			else if (action.type === "remember") this.memory.set(action.key, action.value);
			else if (action.type === "gather") this.gathers.push(action);
			else if (this.get(action.resource, action.name)?.metadata.uid === action.uid) this.remove(action.resource, action.name, action);
		}
	}

	/** Runs what is queued, and what that queues, until nothing is. */
	drain(): void {
		for (let count = 0; this.#queue.size > 0; count++) {
			if (count > RECONCILES_MAX) throw new Error("the controllers do not come to rest");
			const [id, { controller, key }] = this.#queue.entries().next().value as [string, { controller: Controller; key: string }];
			this.#queue.delete(id);
			this.#later.delete(id);
			if (controller.reconcileAll) {
				this.act(controller.reconcileAll([key, ...this.#takeQueued(controller)], this, this.context()));
				continue;
			}
			const { actions, requeueAfterMs } = controller.reconcile(key, this, this.context());
			if (requeueAfterMs !== undefined) this.#later.set(id, { controller, key, atMs: this.nowMs + requeueAfterMs });
			this.act(actions);
		}
	}

	#takeQueued(controller: Controller): string[] {
		const taken = [...this.#queue].filter(([, queued]) => queued.controller === controller);
		for (const [id] of taken) this.#queue.delete(id);
		return taken.map(([, { key }]) => key);
	}

	/** Lets time pass, running what becomes due on the way. */
	advance(ms: number): void {
		const untilMs = this.nowMs + ms;
		for (;;) {
			const due = [...this.#later].filter(([, { atMs }]) => atMs <= untilMs).sort(([, a], [, b]) => a.atMs - b.atMs)[0];
			if (!due) break;
			this.nowMs = Math.max(this.nowMs, due[1].atMs);
			this.#later.delete(due[0]);
			this.#queue.set(due[0], due[1]);
			this.drain();
		}
		this.nowMs = untilMs;
	}

	#suffix(length: number): string {
		return Array.from({ length }, () => ALPHABET[Math.floor(this.random() * ALPHABET.length)]).join("");
	}

	#commit(resource: ResourceName, old: WithParts | undefined, made: WithParts | undefined): void {
		if (made) made.metadata.resourceVersion = String(++this.#serial);
		const name = (made ?? old)?.metadata.name ?? "";
		if (made) this.place(resource, made);
		else this.#objects.get(resource)?.delete(name);
		const change: ObjectChange = { resource, ...(old ? { old } : {}), ...(made ? { object: made } : {}) };
		for (const controller of this.#controllers) {
			for (const watch of controller.watches) {
				if (watch.resource !== resource && watch.resource !== "*") continue;
				for (const key of watch.keys(change, this)) this.#queue.set(`${controller.name} ${key}`, { controller, key });
			}
		}
	}
}
