/**
 * What the Namespace and the Cluster object have in common: an API server over a store, controllers that run in the turn
 * of each write, an outbox, watches and one alarm. Portable; the Durable Object classes are thin shells around it.
 */
import { CallsNeeded, type OutsideCall, type Submission, SubmissionNeeded } from "../core/admission/outside-call.ts";
import type { ApiRequest } from "../core/api/request.ts";
import type { Action, Controller } from "../core/controllers/controller.ts";
import type { ObjectAddress } from "../core/protocol/messages.ts";
import { COMPACTION_SLACK_MS, LOG_ENTRIES_MAX, LOG_RETENTION_MS } from "../store/change-log.ts";
import { momentOf } from "../store/revision-clock.ts";
import { Alarm } from "./alarm.ts";
import { Actor } from "./actions.ts";
import { AskingAttempt } from "./attempt.ts";
import { ControllerRunner } from "./controller-runner.ts";
import { EVENT_TTL_MS } from "./event-recorder.ts";
import { Outbox } from "./outbox.ts";
import type { CorePorts } from "./ports.ts";
import { type CommittedChange, ResourceServer, type ResourceServerOptions } from "./resource-server.ts";
import { dispatch, type DispatchedResponse } from "./verbs/dispatch.ts";
import { WatchHub } from "./watch-hub.ts";
import { WebhookDeliveries } from "./webhooks/webhook-deliveries.ts";
import type { DeliveryHost } from "./webhooks/webhook-ports.ts";

/** Events removed in one turn at most. */
const EVENT_SWEEP_MAX = 500;
/** How much longer than their time Events may stay, in milliseconds: few sweeps, since each may have to wake the object. */
const EVENT_SWEEP_SLACK_MS = EVENT_TTL_MS / 4;
/** After this many changes the log is compacted for its length. */
const COMPACTION_CHANGES = LOG_ENTRIES_MAX / 10;

export class ResourceCore {
	readonly server: ResourceServer;
	readonly runner: ControllerRunner;
	readonly outbox: Outbox;
	readonly hub: WatchHub;
	readonly actor: Actor;
	readonly deliveries: WebhookDeliveries;
	readonly #ports: CorePorts;
	readonly #observe: (changes: readonly CommittedChange[]) => void;
	readonly #alarm: Alarm;
	#compactionDueMs: number | undefined;
	#eventSweepDueMs: number | undefined;
	#resealDueMs: number | undefined;
	/** Changes since the last compaction. */
	#logged = 0;

	/** `observe` sees every turn's changes before they are published; what it posts leaves with them. */
	constructor(
		options: ResourceServerOptions,
		self: ObjectAddress,
		controllers: readonly Controller[],
		host: DeliveryHost,
		observe: (changes: readonly CommittedChange[]) => void = () => {},
	) {
		this.#ports = options.ports;
		this.#observe = observe;
		this.#alarm = new Alarm(options.ports);
		this.server = new ResourceServer(options);
		this.outbox = new Outbox(options.ports, self, this.server.store.clock);
		this.actor = new Actor(this.server, this.outbox);
		this.runner = new ControllerRunner(this.server, controllers, (controller, actions) => this.actor.act(controller, actions));
		this.hub = new WatchHub(this.server);
		this.deliveries = new WebhookDeliveries(this.server, host, (work) => this.turn(work));
		this.deliveries.onAnswer = () => void this.settle()?.catch((error: unknown) => this.#ports.logError("after a webhook delivery", error));
		this.#compactionDueMs = this.server.store.log.compactionDueMs();
		this.#eventSweepDueMs = this.#sweepDueMs();
		if (this.server.store.needsResealing) this.#resealDueMs = this.#ports.nowMs();
	}

	/** Serves one authorised request. Throws SubmissionNeeded when other machines are to be asked first. */
	request(request: ApiRequest, submission?: Submission): DispatchedResponse {
		const attempt = new AskingAttempt(this.#ports, submission);
		attempt.base = request.base;
		try {
			const serve = () => this.server.trying(attempt, () => dispatch(this.server, request));
			return request.verb === "get" ? serve() : this.turn(serve);
		} catch (error) {
			throw error instanceof CallsNeeded ? new SubmissionNeeded(error.calls, attempt.draws()) : error;
		}
	}

	/** Does `work` and all that follows from it: reconciles, watch events. Messages leave by `settle`. */
	turn<T>(work: () => T): T {
		try {
			return this.server.transaction(work);
		} finally {
			this.#follow();
		}
	}

	/** A controller's actions decided outside the runner (on a message). */
	perform(controller: string, actions: readonly Action[]): void {
		this.turn(() => this.actor.act(controller, actions));
	}

	/** Begins what is to be delivered, sends what waits in the outbox, asks what webhooks are to be asked, and sets the alarm for what is due later. Call after each turn; undefined when nothing waits. */
	settle(): Promise<void> | undefined {
		this.deliveries.pump();
		this.arm();
		const calls = this.runner.takeCalls();
		if (calls.length === 0 && this.outbox.nextDueMs() === undefined) return undefined;
		return this.#sendAndAsk(calls);
	}

	async #sendAndAsk(calls: ReturnType<ControllerRunner["takeCalls"]>): Promise<void> {
		await Promise.all([this.outbox.flush(), ...calls.map(({ entry, calls: asked }) => this.#admit(entry, asked))]);
		this.arm();
	}

	/** Asks webhooks about what a controller wants to write, and goes on with their answers. */
	async #admit(entry: string, calls: readonly OutsideCall[]): Promise<void> {
		const outcomes = await this.#ports.callOutside(calls);
		this.turn(() => this.runner.answered(entry, outcomes));
		await this.settle();
	}

	/** The alarm's work. */
	async wake(): Promise<void> {
		this.#alarm.rang();
		this.turn(() => this.runner.takeDue());
		this.#compact();
		this.#sweepEvents();
		this.#reseal();
		await this.settle();
	}

	/** Sets the alarm to the next thing that is due. */
	arm(): void {
		this.#alarm.arm([
			this.runner.nextDueMs(),
			this.outbox.nextDueMs(),
			this.#compactionDueMs,
			this.#eventSweepDueMs,
			this.#resealDueMs,
			this.deliveries.nextDueMs(),
		]);
	}

	#follow(): void {
		for (const change of this.server.committedSince(0)) this.runner.onChange(change);
		this.runner.drain();
		const committed = this.server.takeCommitted();
		if (committed.length === 0) return;
		this.#observe(committed);
		this.deliveries.observe(committed);
		this.hub.publish(committed);
		const nowMs = this.#ports.nowMs();
		this.#logged += committed.length;
		this.#compactionDueMs = this.#logged >= COMPACTION_CHANGES ? nowMs : (this.#compactionDueMs ?? nowMs + LOG_RETENTION_MS + COMPACTION_SLACK_MS);
		if (committed.some((change) => change.resource === "events")) this.#eventSweepDueMs ??= nowMs + EVENT_TTL_MS + EVENT_SWEEP_SLACK_MS;
		// What was observed may have queued more.
		if (this.runner.hasPending) this.#follow();
	}

	#compact(): void {
		if (this.#compactionDueMs === undefined || this.#compactionDueMs > this.#ports.nowMs()) return;
		this.#logged = 0;
		this.#compactionDueMs = this.#ports.sql.transaction(() =>
			this.server.store.log.compact(this.#ports.nowMs(), (last) => this.deliveries.beforeCompaction(last)),
		);
	}

	/** After a rotation of the keys: a batch at a time, so that requests come between. */
	#reseal(): void {
		if (this.#resealDueMs === undefined) return;
		const more = this.#ports.sql.transaction(() => this.server.store.reseal());
		this.#resealDueMs = more ? this.#ports.nowMs() : undefined;
	}

	#sweepEvents(): void {
		const nowMs = this.#ports.nowMs();
		if (this.#eventSweepDueMs === undefined || this.#eventSweepDueMs > nowMs) return;
		const kind = this.server.kinds.byStoreName("events");
		if (kind === undefined) return;
		const old = this.server.store.expiredBefore("events", nowMs - EVENT_TTL_MS, EVENT_SWEEP_MAX);
		this.turn(() => {
			for (const event of old) this.server.remove(kind, event);
		});
		this.#eventSweepDueMs = this.#sweepDueMs();
	}

	/** When the oldest Event is to go. */
	#sweepDueMs(): number | undefined {
		const oldest = this.server.store.oldest("events");
		return oldest === undefined ? undefined : momentOf(oldest) + EVENT_TTL_MS + EVENT_SWEEP_SLACK_MS;
	}
}
