/** kube-proxy's work on a node: makes Services' addresses and node ports lead to their endpoints. */
import type { ServiceEntry } from "../../core/protocol/agent-protocol.ts";

export type { ServiceEntry } from "../../core/protocol/agent-protocol.ts";

export interface ServiceProxy {
	/** Idempotent. */
	start(): Promise<void>;
	/** Everything there is: what is not in the list goes. Calls must not overlap. */
	apply(services: readonly ServiceEntry[]): Promise<void>;
	/** Leaves nothing behind. */
	stop(): Promise<void>;
}
