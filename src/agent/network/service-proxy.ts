/** kube-proxy's work on a node: makes Services' addresses and node ports lead to their endpoints. */
import type { NetworkRow } from "../../core/protocol/agent-protocol.ts";

export type { ServiceEntry } from "../../core/protocol/agent-protocol.ts";

export interface ServiceProxy {
	/** Idempotent. */
	start(): Promise<void>;
	/** Rows that changed, all of them at first. Calls must not overlap. */
	apply(rows: readonly NetworkRow[]): Promise<void>;
	/** Leaves nothing behind with `removeAll`; else what the kernel does goes on. */
	stop(options: { removeAll: boolean }): Promise<void>;
}
