/**
 * Keeps the node usable when memory, disk or processes run short: says so by its conditions, frees what can be had back
 * without harm, then evicts one pod after the other. After kubelet's eviction_manager.go.
 */
import { qosClassOf } from "../../core/kinds/qos.ts";
import type { Pod } from "../../core/schema/kubernetes.d.ts";
import { type Clock, sleep } from "../clock.ts";
import { durationMs, type KubeletConfiguration } from "../kubelet-configuration.ts";
import type { Logger } from "../log.ts";
import { formatPod } from "../pod-names.ts";
import { evictionMessage, hasLocalStorageLimit, isCritical, overLocalStorage, type PodUse, rank, type RankedPod } from "./eviction-order.ts";
import { type Observations, PRESSURE_OF, RESOURCE_OF, type Threshold, thresholdsMet, thresholdsOf } from "./thresholds.ts";

/** How often the machine is looked at (eviction's monitoringInterval). */
export const EVICTION_PERIOD_MS = 10_000;
/** How long the end of an evicted pod is waited for before the next is chosen (podCleanupTimeout). */
export const POD_CLEANUP_TIMEOUT_MS = 30_000;
/** Grace of a pod that goes for a hard threshold or a limit of its own, in seconds. */
export const IMMEDIATE_GRACE_SECONDS = 1;

export type Pressure = (typeof PRESSURE_OF)[keyof typeof PRESSURE_OF];

export interface EvictionOrder {
	message: string;
	graceSeconds: number;
}

export interface EvictablePod {
	pod: Pod;
	/** Resolves when its containers have ended. */
	evict(order: EvictionOrder): Promise<void>;
}

export interface EvictionOptions {
	clock: Clock;
	log: Logger;
	configuration: KubeletConfiguration;
	observe(): Promise<Observations>;
	/** Pods that run here and are neither over nor being deleted. */
	pods(): readonly EvictablePod[];
	/** What pods use, by uid; the disk only when it is asked for, since counting takes long. */
	use(pods: readonly Pod[], withDisk: boolean): Promise<Map<string, PodUse>>;
	/** Removes dead containers and unused images. */
	freeDisk(): Promise<void>;
	/** An event about the node. */
	tell(type: "Normal" | "Warning", reason: string, message: string): void;
	/** The node's conditions changed. */
	onPressure(): void;
}

/** Why a pod is not run here. */
export interface Rejection {
	reason: string;
	message: string;
}

const keyOf = ({ signal, hard }: Threshold): string => `${signal}/${hard ? "hard" : "soft"}`;
const MEMORY_TAINT = "node.kubernetes.io/memory-pressure";

export class Eviction {
	readonly #options: EvictionOptions;
	readonly #thresholds: readonly Threshold[];
	/** Since when each threshold is crossed. */
	#firstMetMs = new Map<string, number>();
	/** Thresholds that were acted upon and are not yet left by as much as must be had back. */
	#unresolved: Threshold[] = [];
	readonly #lastSeenMs = new Map<Pressure, number>();
	#pressures: readonly Pressure[] = [];
	#cancel: () => void = () => undefined;
	#working: Promise<void> = Promise.resolve();
	readonly #halt = new AbortController();

	constructor(options: EvictionOptions) {
		this.#options = options;
		this.#thresholds = thresholdsOf(options.configuration);
	}

	/** The node's conditions that are true. */
	get pressures(): readonly Pressure[] {
		return this.#pressures;
	}

	start(): void {
		this.#working = this.synchronize()
			.catch((error: unknown) => this.#options.log.warn("what the node has left could not be looked at", { error }))
			.finally(() => {
				if (!this.#halt.signal.aborted) this.#cancel = this.#options.clock.after(EVICTION_PERIOD_MS, () => this.start());
			});
	}

	async stop(): Promise<void> {
		this.#halt.abort();
		this.#cancel();
		await this.#working;
	}

	/** Whether a pod that is new here may run: under memory pressure only what has asked for memory, or is critical. */
	admit(pod: Pod): Rejection | undefined {
		if (this.#pressures.length === 0 || isCritical(pod)) return undefined;
		const onlyMemory = this.#pressures.every((pressure) => pressure === "MemoryPressure");
		if (onlyMemory && (qosClassOf(pod) !== "BestEffort" || toleratesMemoryPressure(pod))) return undefined;
		return { reason: "Evicted", message: `The node had condition: [${this.#pressures.join(" ")}]. ` };
	}

	/** One look at the machine, and at most one eviction for what it lacks. */
	async synchronize(): Promise<void> {
		const { clock, observe } = this.#options;
		const observations = await observe();
		const nowMs = clock.nowMs();
		const fresh = thresholdsMet(this.#thresholds, observations, false);
		const lasting = thresholdsMet(this.#unresolved, observations, true).filter((old) => !fresh.includes(old));
		const met = this.#thresholds.filter((one) => fresh.includes(one) || lasting.includes(one));
		this.#firstMetMs = new Map(met.map((one) => [keyOf(one), this.#firstMetMs.get(keyOf(one)) ?? nowMs]));
		this.#notePressures(met, nowMs);
		this.#unresolved = met.filter((one) => nowMs - (this.#firstMetMs.get(keyOf(one)) ?? nowMs) >= one.graceMs);
		if (await this.#evictOverLimit()) return;
		const [threshold] = this.#unresolved;
		if (threshold) await this.#relieve(threshold, observations);
	}

	#notePressures(met: readonly Threshold[], nowMs: number): void {
		const { configuration, tell, onPressure } = this.#options;
		for (const { signal } of met) this.#lastSeenMs.set(PRESSURE_OF[signal], nowMs);
		const keptMs = durationMs(configuration.evictionPressureTransitionPeriod);
		const crossed = new Set(met.map(({ signal }) => PRESSURE_OF[signal]));
		const now = [...this.#lastSeenMs].filter(([pressure, atMs]) => crossed.has(pressure) || nowMs - atMs < keptMs).map(([pressure]) => pressure);
		const before = this.#pressures;
		const changed = [...new Set([...before, ...now])].filter((pressure) => before.includes(pressure) !== now.includes(pressure));
		this.#pressures = now;
		for (const pressure of changed) {
			const reason = `NodeHas${REASONS[pressure][now.includes(pressure) ? "yes" : "no"]}`;
			tell("Normal", reason, `Node status is now: ${reason}`);
		}
		if (changed.length > 0) onPressure();
	}

	/** Pods that use more of the disk than they said they would, however much is left. */
	async #evictOverLimit(): Promise<boolean> {
		const limited = this.#options.pods().filter(({ pod }) => hasLocalStorageLimit(pod));
		if (limited.length === 0) return false;
		const use = await this.#options.use(
			limited.map(({ pod }) => pod),
			true,
		);
		let evicted = false;
		for (const one of limited) {
			const message = overLocalStorage({ pod: one.pod, use: use.get(one.pod.metadata.uid ?? "") });
			if (message !== undefined && (await this.#evict(one, { message, graceSeconds: IMMEDIATE_GRACE_SECONDS }))) evicted = true;
		}
		return evicted;
	}

	async #relieve(threshold: Threshold, observations: Observations): Promise<void> {
		const { tell, freeDisk, observe, pods, use, log, configuration } = this.#options;
		const resource = RESOURCE_OF[threshold.signal];
		tell("Warning", "EvictionThresholdMet", `Attempting to reclaim ${resource}`);
		const disk = PRESSURE_OF[threshold.signal] === "DiskPressure";
		if (disk) {
			await freeDisk();
			const left = await observe();
			if (thresholdsMet([threshold], left, true).length === 0) return;
		}
		const candidates = pods();
		const measured = await use(
			candidates.map(({ pod }) => pod),
			disk,
		);
		const ranked = rank(
			candidates.map((one): RankedPod & EvictablePod => ({ ...one, use: measured.get(one.pod.metadata.uid ?? "") })),
			resource,
		) as (RankedPod & EvictablePod)[];
		for (const one of ranked) {
			const message = evictionMessage(one, threshold, observations);
			const graceSeconds = threshold.hard ? IMMEDIATE_GRACE_SECONDS : configuration.evictionMaxPodGracePeriod;
			if (await this.#evict(one, { message, graceSeconds })) return;
		}
		log.error("the node is short and no pod can be evicted", { resource });
	}

	/** False for one that must stay. */
	async #evict({ pod, evict }: EvictablePod, order: EvictionOrder): Promise<boolean> {
		const { log, clock } = this.#options;
		if (isCritical(pod)) {
			log.warn("a critical pod cannot be evicted", { pod: formatPod(pod) });
			return false;
		}
		log.info("evicting a pod", { pod: formatPod(pod), why: order.message });
		const waited = new AbortController();
		this.#halt.signal.addEventListener("abort", () => waited.abort(), { once: true, signal: waited.signal });
		const ended = evict(order).finally(() => waited.abort());
		ended.catch((error: unknown) => log.warn("an evicted pod could not be stopped", { pod: formatPod(pod), error }));
		await Promise.race([ended.catch(() => undefined), sleep(clock, POD_CLEANUP_TIMEOUT_MS, waited.signal)]);
		return true;
	}
}

/** Ends of the reasons of kubelet's events about its node. */
const REASONS: Record<Pressure, { yes: string; no: string }> = {
	MemoryPressure: { yes: "InsufficientMemory", no: "SufficientMemory" },
	DiskPressure: { yes: "DiskPressure", no: "NoDiskPressure" },
	PIDPressure: { yes: "InsufficientPID", no: "SufficientPID" },
};

function toleratesMemoryPressure(pod: Pod): boolean {
	return (pod.spec?.tolerations ?? []).some(
		({ key, operator = "Equal", value = "", effect }) =>
			(!effect || effect === "NoSchedule") && (operator === "Exists" ? !key || key === MEMORY_TAINT : key === MEMORY_TAINT && value === ""),
	);
}
