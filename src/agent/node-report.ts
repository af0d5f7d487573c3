/** Tells the control plane of the node: what changed at once, a node without news every few minutes. */
import { POLL_HOLD_MS } from "../core/protocol/agent-protocol.ts";
import type { NodeStatus } from "../core/schema/kubernetes.d.ts";
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";

/** Kubelet's nodeStatusUpdateFrequency: how often the node looks at itself; told only when something but the time changed. */
export const NODE_STATUS_PERIOD_MS = 10_000;
/**
 * Told at least this often. Kubelet's nodeStatusReportFrequency of five minutes would keep waking objects to say nothing
 * new; liveness is the held poll, and its renewal wakes the Node object as often as this.
 */
export const NODE_STATUS_REPORT_MS = POLL_HOLD_MS;

export interface NodeReportOptions {
	clock: Clock;
	log: Logger;
	compute(previous: NodeStatus | undefined): Promise<NodeStatus>;
	tell(status: NodeStatus, nowMs: number): Promise<void>;
}

export class NodeReport {
	readonly #options: NodeReportOptions;
	#status: NodeStatus | undefined;
	#toldText = "";
	#toldAtMs = 0;
	#cancel: () => void = () => undefined;
	#stopped = false;

	constructor(options: NodeReportOptions) {
		this.#options = options;
	}

	/** As it was last seen. */
	get status(): NodeStatus | undefined {
		return this.#status;
	}

	/** Something about the node changed. */
	soon(): void {
		this.#again(0);
	}

	stop(): void {
		this.#stopped = true;
		this.#cancel();
	}

	/** Looks at the node, and again and again after that. */
	async look(): Promise<void> {
		const { clock, log, compute, tell } = this.#options;
		try {
			const status = await compute(this.#status);
			this.#status = status;
			const text = JSON.stringify(status, (key, value: unknown) => (key === "lastHeartbeatTime" ? undefined : value));
			const nowMs = clock.nowMs();
			if (text !== this.#toldText || nowMs - this.#toldAtMs >= NODE_STATUS_REPORT_MS) {
				this.#toldText = text;
				this.#toldAtMs = nowMs;
				await tell(status, nowMs);
			}
		} catch (error) {
			log.error("the node's status could not be read", { error });
		}
		this.#again(NODE_STATUS_PERIOD_MS);
	}

	#again(delayMs: number): void {
		this.#cancel();
		if (!this.#stopped) this.#cancel = this.#options.clock.after(delayMs, () => void this.look());
	}
}
