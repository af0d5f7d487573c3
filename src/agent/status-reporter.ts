/** Carries statuses up beside the held poll: coalesced, retried until the control plane has stored them. */
import type { DeletedVolume, PollRequest } from "../core/protocol/agent-protocol.ts";
import type { PodRef } from "../core/protocol/messages.ts";
import type { PodStatus } from "../core/schema/kubernetes.d.ts";
import { type Clock, sleep } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { StatusReports } from "./pod-context.ts";
import type { RetryDelay } from "./retry-delay.ts";

/** What happens within this time goes up together. */
export const REPORT_DELAY_MS = 15;
/** Pods, and directories of volumes, in one report. */
export const MAX_PODS_PER_REPORT = 100;

export type Report = Pick<PollRequest, "statuses" | "stopped" | "node" | "usage" | "volumesDeleted">;

export class StatusReporter implements StatusReports {
	readonly #clock: Clock;
	readonly #log: Logger;
	readonly #retry: RetryDelay;
	readonly #send: (report: Report) => Promise<void>;
	readonly #statuses = new Map<string, { pod: PodRef; status: PodStatus }>();
	readonly #stopped = new Map<string, PodRef>();
	readonly #volumesDeleted = new Map<string, DeletedVolume>();
	#node: PollRequest["node"];
	#running: Promise<void> | undefined;
	readonly #halt = new AbortController();

	/** `send` resolves when the report is stored. */
	constructor(clock: Clock, log: Logger, retry: RetryDelay, send: (report: Report) => Promise<void>) {
		this.#clock = clock;
		this.#log = log;
		this.#retry = retry;
		this.#send = send;
	}

	status(pod: PodRef, status: PodStatus): void {
		this.#statuses.set(pod.uid, { pod, status });
		this.#wake();
	}

	stopped(pod: PodRef): void {
		this.#stopped.set(pod.uid, pod);
		this.#wake();
	}

	/** A released volume's directory is gone, or cannot be removed. */
	volumeDeleted(volume: DeletedVolume): void {
		this.#volumesDeleted.set(volume.name, volume);
		this.#wake();
	}

	node(node: NonNullable<PollRequest["node"]>): void {
		this.#node = node;
		this.#wake();
	}

	/** Nothing is sent afterwards but one last attempt at what waits. */
	async stop(): Promise<void> {
		this.#halt.abort();
		await this.#running;
		await this.#sendOnce().catch(() => undefined);
	}

	#wake(): void {
		if (this.#halt.signal.aborted) return;
		this.#running ??= this.#loop().finally(() => {
			this.#running = undefined;
			// What came between the last look and here.
			if (!this.#halt.signal.aborted && this.#waiting()) this.#wake();
		});
	}

	#waiting(): boolean {
		return this.#statuses.size > 0 || this.#stopped.size > 0 || this.#volumesDeleted.size > 0 || this.#node !== undefined;
	}

	async #loop(): Promise<void> {
		await sleep(this.#clock, REPORT_DELAY_MS, this.#halt.signal);
		while (this.#waiting() && !this.#halt.signal.aborted) {
			try {
				await this.#sendOnce();
				this.#retry.reset();
			} catch (error) {
				const delayMs = this.#retry.next();
				this.#log.warn("a report did not reach the control plane", { error, retryInMs: delayMs });
				await sleep(this.#clock, delayMs, this.#halt.signal);
			}
		}
	}

	async #sendOnce(): Promise<void> {
		if (!this.#waiting()) return;
		const statuses = [...this.#statuses.values()].slice(0, MAX_PODS_PER_REPORT);
		// A pod's end is told no earlier than its last status.
		const held = new Set([...this.#statuses.keys()].slice(MAX_PODS_PER_REPORT));
		const stopped = [...this.#stopped.values()].filter((p) => !held.has(p.uid)).slice(0, MAX_PODS_PER_REPORT);
		const volumesDeleted = [...this.#volumesDeleted.values()].slice(0, MAX_PODS_PER_REPORT);
		const node = this.#node;
		await this.#send({
			...(statuses.length > 0 ? { statuses } : {}),
			...(stopped.length > 0 ? { stopped } : {}),
			...(volumesDeleted.length > 0 ? { volumesDeleted } : {}),
			...(node ? { node } : {}),
		});
		for (const sent of statuses) if (this.#statuses.get(sent.pod.uid) === sent) this.#statuses.delete(sent.pod.uid);
		for (const ref of stopped) if (this.#stopped.get(ref.uid) === ref) this.#stopped.delete(ref.uid);
		for (const volume of volumesDeleted) if (this.#volumesDeleted.get(volume.name) === volume) this.#volumesDeleted.delete(volume.name);
		if (this.#node === node) this.#node = undefined;
	}
}
