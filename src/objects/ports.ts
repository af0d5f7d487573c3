/** What the portable cores of the Durable Objects stand on: a Durable Object gives the real things, the simulator its own. */
import type { CallOutcome, OutsideCall } from "../core/admission/outside-call.ts";
import type { MessageBody, ObjectAddress } from "../core/protocol/messages.ts";
import type { ClusterNetwork } from "../core/protocol/cluster-addresses.ts";
import type { Seal } from "../store/seal.ts";
import type { Sql } from "../store/sql.ts";

/** One delivery from an object's outbox. Idempotent at the receiver. */
export interface Delivery {
	from: ObjectAddress;
	/** The sender's revision clock. */
	clock: number;
	messages: MessageBody[];
}

export interface CorePorts {
	sql: Sql;
	/** The ranges of addresses of the cluster that the object belongs to; the default ones without it. */
	network?: ClusterNetwork;
	/** Encryption at rest. */
	seal: Seal;
	nowMs(): number;
	/** In [0, 1). */
	random(): number;
	uuid(): string;
	/** Resolves once the receiver has it durably, to whether anybody listens there: at a node that no agent serves nobody does. */
	deliver(to: ObjectAddress, delivery: Delivery): Promise<boolean>;
	/** Asks webhooks. Never rejects. */
	callOutside(calls: readonly OutsideCall[]): Promise<CallOutcome[]>;
	/** Wakes the object no later than `atMs`. */
	setAlarm(atMs: number): void;
	/** An internal fault, with its cause. */
	logError(what: string, cause: unknown): void;
}
