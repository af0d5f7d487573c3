/** Measures what the node and its containers use, when somebody asks: the last measurement is the window's start, if it is recent. */
import type { NodeUsage } from "../../core/protocol/agent-protocol.ts";
import type { PodRef } from "../../core/protocol/messages.ts";
import { type Clock, sleep } from "../clock.ts";
import type { ContainerRuntime, ContainerStateInfo, ContainerUsage } from "../runtime/runtime.ts";
import { type MachineUsage, machineUsage } from "./machine-usage.ts";

/** A shorter window says little, since CPU is counted in hundredths of a second, in milliseconds. */
export const MIN_WINDOW_MS = 1_000;
/** A longer one says nothing of now, in milliseconds. */
export const MAX_WINDOW_MS = 60_000;
const MS_PER_SECOND = 1_000;

interface Measurement {
	atMs: number;
	machine: MachineUsage;
	/** By id. */
	containers: Map<string, ContainerUsage>;
}

/** Counters since each container's start, and the machine's. */
export interface UsageTotals {
	atMs: number;
	machine: MachineUsage;
	pods: { pod: PodRef; containers: ({ name: string; startedAtMs: number } & ContainerUsage)[] }[];
}

export interface UsageMeterOptions {
	runtime: Pick<ContainerRuntime, "containerUsage" | "listContainers">;
	clock: Clock;
	/** The pods of this node. */
	pods(): readonly PodRef[];
	/** By which uid the runtime knows a pod; its own, unless it is a mirror. */
	runtimeUid?(uid: string): string;
	/** Of the whole machine; for tests. */
	machine?(): Promise<MachineUsage>;
}

export class UsageMeter {
	readonly #options: UsageMeterOptions;
	#last: Measurement | undefined;
	#measuring: Promise<NodeUsage> | undefined;

	constructor(options: UsageMeterOptions) {
		this.#options = options;
	}

	/** Usage over a window that ends now. Who asks while it is measured gets the same. Rejects when the runtime does not answer. */
	usage(): Promise<NodeUsage> {
		this.#measuring ??= this.#usage().finally(() => {
			this.#measuring = undefined;
		});
		return this.#measuring;
	}

	/** What has been used in all and is used now. Rejects when the runtime does not answer. */
	async totals(): Promise<UsageTotals> {
		const { atMs, machine, containers } = await this.#measure();
		const pods = (await this.#running()).map(({ pod, running }) => ({
			pod,
			containers: running.flatMap(({ id, name, startedAtMs }) => {
				const usage = containers.get(id);
				return usage ? [{ name, startedAtMs, ...usage }] : [];
			}),
		}));
		return { atMs, machine, pods };
	}

	/** The node's pods with their running containers. */
	async #running(): Promise<{ pod: PodRef; running: ContainerStateInfo[] }[]> {
		const running = (await this.#options.runtime.listContainers()).filter(({ state }) => state === "running");
		const byPod = Map.groupBy(running, ({ podUid }) => podUid);
		const { pods, runtimeUid = (uid: string) => uid } = this.#options;
		return pods().map((pod) => ({ pod, running: byPod.get(runtimeUid(pod.uid)) ?? [] }));
	}

	async #usage(): Promise<NodeUsage> {
		const { clock } = this.#options;
		const recent = this.#last !== undefined && clock.nowMs() - this.#last.atMs <= MAX_WINDOW_MS;
		const before = recent && this.#last ? this.#last : await this.#measure();
		const waitMs = before.atMs + MIN_WINDOW_MS - clock.nowMs();
		if (waitMs > 0) await sleep(clock, waitMs);
		const now = await this.#measure();
		this.#last = now;
		return this.#between(before, now);
	}

	async #measure(): Promise<Measurement> {
		const { runtime, clock, machine = machineUsage } = this.#options;
		const [containers, whole] = await Promise.all([runtime.containerUsage(), machine()]);
		return { atMs: clock.nowMs(), machine: whole, containers: new Map(containers.map((usage) => [usage.id, usage])) };
	}

	async #between(before: Measurement, now: Measurement): Promise<NodeUsage> {
		const windowMs = now.atMs - before.atMs;
		return {
			timestampMs: now.atMs,
			windowMs,
			node: { cpuNanoCores: rate(before.machine.cpuNanos, now.machine.cpuNanos, windowMs), memoryBytes: now.machine.memoryBytes },
			pods: await this.#pods(before, now),
		};
	}

	/** A pod of which one container cannot be told is left out: half of its usage would mislead. */
	async #pods(before: Measurement, now: Measurement): Promise<NodeUsage["pods"]> {
		return (await this.#running()).flatMap(({ pod, running }) => {
			const containers = running.map(({ id, name }) => {
				const [first, last] = [before.containers.get(id), now.containers.get(id)];
				return first && last && last.atMs > first.atMs ? { name, ...usageBetween(first, last) } : undefined;
			});
			const known = containers.filter((usage) => usage !== undefined);
			return known.length > 0 && known.length === containers.length ? [{ pod, containers: known }] : [];
		});
	}
}

const usageBetween = (first: ContainerUsage, last: ContainerUsage) => ({
	cpuNanoCores: rate(first.cpuNanos, last.cpuNanos, last.atMs - first.atMs),
	memoryBytes: last.memoryBytes,
});

/** Nanoseconds of CPU in a second. A counter that fell belongs to something new. */
const rate = (before: number, now: number, windowMs: number): number => Math.round((Math.max(0, now - before) * MS_PER_SECOND) / windowMs);
