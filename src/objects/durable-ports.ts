/** The cores' ports over a Durable Object. */
import { clusterNetworkOf } from "../core/protocol/cluster-addresses.ts";
import type { ObjectAddress } from "../core/protocol/messages.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { migrate } from "../store/migrate.ts";
import { clusterObject, edgeObject, namespaceObject, nodeObject } from "./addresses.ts";
import { DurableSql } from "./durable-sql.ts";
import { Envelope } from "./envelope.ts";
import { keyringOf } from "./keyring.ts";
import { logFault } from "./log.ts";
import { makeCalls } from "./outside/make-calls.ts";
import type { CorePorts, Delivery } from "./ports.ts";

/** The internal method through which the objects of a cluster reach each other. */
export interface Receiver {
	/** As `CorePorts.deliver`. */
	deliver(delivery: Delivery): Promise<boolean>;
	/** Leaves nothing of the object. */
	destroy(): Promise<void>;
}

/** An object of a cluster, from its Cluster object's list. */
export const memberOf = (env: WorkerEnv, cluster: string, address: ObjectAddress): Receiver => receiverOf(env, cluster, address);

function receiverOf(env: WorkerEnv, cluster: string, to: ObjectAddress): Receiver {
	if (to.object === "cluster") return clusterObject(env, cluster) as unknown as Receiver;
	if (to.object === "edge") return edgeObject(env, cluster) as unknown as Receiver;
	const stub = to.object === "namespace" ? namespaceObject(env, cluster, to.name) : nodeObject(env, cluster, to.name);
	return stub as unknown as Receiver;
}

export function durablePorts(ctx: DurableObjectState, env: WorkerEnv, cluster: string): CorePorts {
	const sql = new DurableSql(ctx.storage);
	migrate(sql);
	return {
		sql,
		network: clusterNetworkOf(env.PETREL_NETWORK),
		seal: new Envelope(sql, keyringOf(env.PETREL_ENCRYPTION_KEYS)),
		nowMs: () => Date.now(),
		random: () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32,
		uuid: () => crypto.randomUUID(),
		deliver: (to, delivery) => receiverOf(env, cluster, to).deliver(delivery),
		callOutside: (calls) => makeCalls(env, cluster, calls),
		setAlarm: (atMs) => {
			ctx.waitUntil(ctx.storage.setAlarm(atMs));
		},
		logError: logFault,
	};
}
