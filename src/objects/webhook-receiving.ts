/**
 * A namespace's part in a delivery: it verifies who sends, refuses what has come before, says what is to be done and as whom, and
 * keeps what came of it. The front door does what is to be done in between. Portable.
 */
import type { UserInfo } from "../core/api/request.ts";
import { base64ToBytes } from "../core/codec/base64.ts";
import { WEBHOOK_RECEIVER } from "../core/controllers/webhook-receiver-controller.ts";
import { draftOf, uidOf } from "../core/controllers/identity.ts";
import { metaTime } from "../core/controllers/meta-time.ts";
import { pathNotFound, tooManyRequests, unauthorized, unavailable } from "../core/errors/status-error.ts";
import { GROUP_AUTHENTICATED, GROUP_SERVICE_ACCOUNTS } from "../core/protocol/tokens.ts";
import type { Secret, ServiceAccount, WebhookReceiver, WebhookReceiverDelivery, WebhookReceiverSpec } from "../core/schema/kubernetes.d.ts";
import { admitDelivery, type Bucket, takeFrom } from "../core/webhooks/receivers/delivery.ts";
import { digestText } from "../core/webhooks/receivers/encodings.ts";
import { DEFAULT_REQUESTS_PER_MINUTE, DELIVERIES_MAX, RECEIVERS, secretKeyOf, type SenderType } from "../core/webhooks/receivers/receiver.ts";
import { bytesOf, type Incoming, type Proof, SenderRefused } from "../core/webhooks/receivers/sender.ts";
import { SENDERS } from "../core/webhooks/receivers/senders/senders.ts";
import { DeliveryMemory } from "./delivery-memory.ts";
import type { ResourceCore } from "./resource-core.ts";
import type { CommittedChange } from "./resource-server.ts";

/** Deliveries of one receiver that wait for the one before them. */
export const WAITING_MAX = 100;
/** A delivery whose end is not told within this time, in milliseconds, is over for the next. */
const TURN_MS = 60_000;
/** A rejected delivery is noted in the status once in this time, in milliseconds: anybody who knows the URL can cause one. */
const REJECTION_NOTED_MS = 10_000;
/** Characters of a digest that stand for the id of a delivery that has none. */
const DIGEST_SHOWN = 12;
const MESSAGE_CHARACTERS_MAX = 1_024;
/** Of an id or the name of an event in the status: they are the sender's to choose. */
const SHOWN_CHARACTERS_MAX = 128;
/** A longer replay key is remembered by its digest. */
const KEY_CHARACTERS_MAX = 256;

export interface DeliveryRequest extends Incoming {
	name: string;
	uid: string;
}

/** What the front door is to do. */
export interface DeliveryPlan {
	spec: WebhookReceiverSpec;
	/** Whose rights the actions have. */
	user: UserInfo;
	proof: Proof;
	/** For `finish`. */
	key: string;
	/** How the delivery is shown. */
	id: string;
	receivedMs: number;
}

export type Receipt = { type: "plan"; plan: DeliveryPlan } | { type: "replay"; id: string; message: string };

export interface DeliveryEnd {
	name: string;
	uid: string;
	key: string;
	id: string;
	receivedMs: number;
	event: string;
	outcome: string;
	message: string;
	/** Whether the same delivery may come again and be carried out. */
	again: boolean;
}

/** One after the other, for each receiver. */
class Turns {
	readonly #last = new Map<string, Promise<void>>();
	readonly #ends = new Map<string, () => void>();
	readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
	readonly #waiting = new Map<string, number>();

	/** Resolves when the delivery's turn has come; false when too many wait. */
	async take(uid: string, key: string): Promise<boolean> {
		const waiting = this.#waiting.get(uid) ?? 0;
		if (waiting >= WAITING_MAX) return false;
		const before = this.#last.get(uid) ?? Promise.resolve();
		const mine = new Promise<void>((resolve) => this.#ends.set(`${uid}/${key}`, resolve));
		const over = before.then(() => mine);
		this.#last.set(uid, over);
		this.#waiting.set(uid, waiting + 1);
		await before;
		this.#waiting.set(uid, (this.#waiting.get(uid) ?? 1) - 1);
		this.#timers.set(
			`${uid}/${key}`,
			setTimeout(() => this.end(uid, key), TURN_MS),
		);
		void over.then(() => {
			if (this.#last.get(uid) === over) for (const kept of [this.#last, this.#waiting]) kept.delete(uid);
		});
		return true;
	}

	end(uid: string, key: string): void {
		const id = `${uid}/${key}`;
		clearTimeout(this.#timers.get(id));
		this.#timers.delete(id);
		this.#ends.get(id)?.();
		this.#ends.delete(id);
	}
}

export class WebhookReceiving {
	readonly #core: ResourceCore;
	readonly #memory: DeliveryMemory;
	readonly #turns = new Turns();
	readonly #buckets = new Map<string, Bucket>();
	readonly #notedMs = new Map<string, number>();
	/** Each try of a delivery takes a turn of its own. */
	#tries = 0;

	constructor(core: ResourceCore) {
		this.#core = core;
		this.#memory = new DeliveryMemory(core.server.ports.sql);
	}

	/** What is remembered of a receiver's deliveries goes with it. */
	observe(changes: readonly CommittedChange[]): void {
		for (const { resource, object, old } of changes) {
			if (resource !== RECEIVERS || object !== undefined || old === undefined) continue;
			const uid = uidOf(old);
			this.#memory.forget(uid);
			this.#buckets.delete(uid);
			this.#notedMs.delete(uid);
		}
	}

	/** @throws StatusError for what is not carried out */
	async receive(request: DeliveryRequest): Promise<Receipt> {
		const receiver = this.#receiver(request);
		const { spec } = receiver;
		if (spec.suspend) throw unavailable("the receiver is suspended");
		const nowMs = this.#core.server.ports.nowMs();
		const proof = await this.#verified(receiver, request, nowMs);
		this.#limit(receiver, nowMs);
		const digest = await digestText(request.body);
		const given = proof.replayKey ?? `digest/${digest}`;
		const key = given.length > KEY_CHARACTERS_MAX ? `digest/${await digestText(bytesOf(given))}` : given;
		const id = proof.id.slice(0, SHOWN_CHARACTERS_MAX) || digest.slice(0, DIGEST_SHOWN);
		const turn = String(++this.#tries);
		if (!(await this.#turns.take(request.uid, turn))) throw tooManyRequests("too many deliveries wait for the one before them", 1);
		let goesOn = false;
		try {
			const admitted = this.#core.server.transaction(() => this.#admit(request.uid, key, nowMs));
			if ("replayOf" in admitted) return this.#replayed(request, id, admitted.replayOf, nowMs);
			const plan = { spec, user: this.#account(spec.serviceAccountName), proof, key: `${turn}/${key}`, id, receivedMs: admitted.receivedMs };
			goesOn = true;
			return { type: "plan", plan };
		} finally {
			if (!goesOn) this.#turns.end(request.uid, turn);
		}
	}

	/** Keeps what came of a delivery, and lets the next begin. */
	finish({ name, uid, key: turnKey, again, id, receivedMs, event, outcome, message }: DeliveryEnd): void {
		const slash = turnKey.indexOf("/");
		try {
			this.#core.turn(() => {
				// Of a receiver that has gone meanwhile nothing is kept.
				if (this.#find(name, uid) === undefined) return;
				this.#memory.remember(uid, turnKey.slice(slash + 1), { receivedMs, done: !again });
				this.#note(name, uid, { time: metaTime(receivedMs), id, event, outcome, message });
			});
		} finally {
			this.#turns.end(uid, turnKey.slice(0, slash));
		}
	}

	/** Whether an event follows what is known of its subject. */
	follows(uid: string, subject: string, timeMs: number): boolean {
		return this.#core.server.transaction(() => this.#memory.follows(uid, subject, timeMs));
	}

	#find(name: string, uid: string): WebhookReceiver | undefined {
		const receiver = this.#core.server.store.get<WebhookReceiver>(RECEIVERS, name);
		return receiver !== undefined && uidOf(receiver) === uid ? receiver : undefined;
	}

	#receiver({ name, uid }: { name: string; uid: string }): WebhookReceiver {
		const receiver = this.#find(name, uid);
		if (receiver === undefined || receiver.metadata.deletionTimestamp) throw pathNotFound();
		return receiver;
	}

	async #verified(receiver: WebhookReceiver, request: DeliveryRequest, nowMs: number): Promise<Proof> {
		const secrets = this.#secrets(receiver);
		if (secrets.length === 0) throw unavailable("the receiver has no secret yet");
		try {
			return await SENDERS[receiver.spec.type as SenderType].verify(request, { secrets, nowMs, hmac: receiver.spec.hmac });
		} catch (error) {
			if (!(error instanceof SenderRefused)) throw error;
			this.#noteRejection(request, error.message, nowMs);
			throw unauthorized(error.message);
		}
	}

	#secrets({ spec: { secretRef }, ...receiver }: WebhookReceiver): Uint8Array[] {
		const data = this.#core.server.store.get<Secret>("secrets", secretRef.name)?.data ?? {};
		const keys = [secretKeyOf({ spec: { secretRef }, ...receiver } as WebhookReceiver), ...(secretRef.previousKey ? [secretRef.previousKey] : [])];
		return keys.flatMap((key) => (data[key] ? [base64ToBytes(data[key])] : []));
	}

	#limit({ spec, ...receiver }: WebhookReceiver, nowMs: number): void {
		const uid = receiver.metadata.uid ?? "";
		const { bucket, retryAfterSeconds } = takeFrom(this.#buckets.get(uid), spec.requestsPerMinute ?? DEFAULT_REQUESTS_PER_MINUTE, nowMs);
		this.#buckets.set(uid, bucket);
		if (retryAfterSeconds !== undefined) throw tooManyRequests("the receiver takes no more deliveries in this minute", retryAfterSeconds);
	}

	#admit(uid: string, key: string, nowMs: number): ReturnType<typeof admitDelivery> {
		const admitted = admitDelivery(this.#memory.delivery(uid, key), nowMs);
		if ("receivedMs" in admitted) this.#memory.remember(uid, key, { receivedMs: admitted.receivedMs, done: false });
		return admitted;
	}

	#replayed({ name, uid }: DeliveryRequest, id: string, replayOf: number, nowMs: number): Receipt {
		const message = `this delivery was carried out when it first came, at ${metaTime(replayOf)}`;
		this.#core.turn(() => this.#note(name, uid, { time: metaTime(nowMs), id, outcome: "Duplicate", message }));
		return { type: "replay", id, message };
	}

	#account(name: string): UserInfo {
		const { namespace } = this.#core.server;
		const account = this.#core.server.store.get<ServiceAccount>("serviceaccounts", name);
		if (account === undefined) throw unavailable("the receiver's ServiceAccount is not there");
		return {
			name: `system:serviceaccount:${namespace}:${name}`,
			uid: uidOf(account),
			groups: [GROUP_SERVICE_ACCOUNTS, `${GROUP_SERVICE_ACCOUNTS}:${namespace}`, GROUP_AUTHENTICATED],
		};
	}

	#noteRejection({ name, uid }: DeliveryRequest, message: string, nowMs: number): void {
		if (nowMs - (this.#notedMs.get(uid) ?? Number.NEGATIVE_INFINITY) < REJECTION_NOTED_MS) return;
		this.#notedMs.set(uid, nowMs);
		this.#core.turn(() => this.#note(name, uid, { time: metaTime(nowMs), outcome: "Rejected", message }));
	}

	/** Puts a delivery first in the status. */
	#note(name: string, uid: string, delivery: WebhookReceiverDelivery): void {
		const receiver = this.#find(name, uid);
		if (receiver === undefined) return;
		const draft = draftOf(receiver);
		const { event } = delivery;
		const shown = {
			...delivery,
			...(event ? { event: event.slice(0, SHOWN_CHARACTERS_MAX) } : {}),
			message: (delivery.message ?? "").slice(0, MESSAGE_CHARACTERS_MAX),
		};
		draft.status = { ...draft.status, deliveries: [shown, ...(draft.status?.deliveries ?? [])].slice(0, DELIVERIES_MAX) };
		this.#core.actor.act(WEBHOOK_RECEIVER, [{ type: "updateStatus", resource: RECEIVERS, object: draft }]);
	}
}
