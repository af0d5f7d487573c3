/** Eviction thresholds and when they are met, pure: kubelet's pkg/kubelet/eviction/helpers.go. */
import type { EVICTION_SIGNALS, KubeletConfiguration } from "../kubelet-configuration.ts";
import { durationMs } from "../kubelet-configuration.ts";
import { parseQuantityNumber } from "../quantity-number.ts";

export type Signal = (typeof EVICTION_SIGNALS)[number];

/** Amounts of one signal: bytes, inodes or processes. */
export interface Observation {
	available: number;
	capacity: number;
}

/** What could not be observed is left out. */
export type Observations = Partial<Record<Signal, Observation>>;

/** An amount, or a share of the capacity. */
export type ThresholdValue = { amount: number } | { share: number };

export interface Threshold {
	signal: Signal;
	value: ThresholdValue;
	/** How long a soft threshold may be crossed; 0 for a hard one. */
	graceMs: number;
	hard: boolean;
	minReclaim: ThresholdValue | undefined;
}

/** The condition of the node that a signal stands for. */
export const PRESSURE_OF: Record<Signal, "MemoryPressure" | "DiskPressure" | "PIDPressure"> = {
	"memory.available": "MemoryPressure",
	"nodefs.available": "DiskPressure",
	"nodefs.inodesFree": "DiskPressure",
	"imagefs.available": "DiskPressure",
	"imagefs.inodesFree": "DiskPressure",
	"pid.available": "PIDPressure",
};

/** The resource that is to be had back. */
export const RESOURCE_OF: Record<Signal, "memory" | "ephemeral-storage" | "inodes" | "pids"> = {
	"memory.available": "memory",
	"nodefs.available": "ephemeral-storage",
	"nodefs.inodesFree": "inodes",
	"imagefs.available": "ephemeral-storage",
	"imagefs.inodesFree": "inodes",
	"pid.available": "pids",
};

function parseValue(text: string): ThresholdValue {
	return text.endsWith("%") ? { share: Number.parseFloat(text) / 100 } : { amount: parseQuantityNumber(text) };
}

export const amountOf = (value: ThresholdValue, capacity: number): number => ("share" in value ? capacity * value.share : value.amount);

const isZero = (value: ThresholdValue): boolean => ("share" in value ? value.share === 0 : value.amount === 0);

/** Memory first, as upstream sorts: what is short of it dies soonest. A threshold of nothing is none. */
export function thresholdsOf(configuration: KubeletConfiguration): Threshold[] {
	const { evictionHard, evictionSoft, evictionSoftGracePeriod, evictionMinimumReclaim } = configuration;
	const parse = (from: Record<string, string>, hard: boolean): Threshold[] =>
		Object.entries(from).map(([signal, text]) => ({
			signal: signal as Signal,
			value: parseValue(String(text)),
			hard,
			graceMs: hard ? 0 : durationMs(evictionSoftGracePeriod[signal] ?? "0s"),
			minReclaim: evictionMinimumReclaim[signal] === undefined ? undefined : parseValue(String(evictionMinimumReclaim[signal])),
		}));
	const all = [...parse(evictionHard, true), ...parse(evictionSoft, false)].filter(({ value }) => !isZero(value));
	return all.sort((a, b) => Number(b.signal === "memory.available") - Number(a.signal === "memory.available"));
}

/** Those that are crossed; with `reclaiming` also those that are not yet left by what must at least be had back. */
export function thresholdsMet(thresholds: readonly Threshold[], observations: Observations, reclaiming: boolean): Threshold[] {
	return thresholds.filter(({ signal, value, minReclaim }) => {
		const seen = observations[signal];
		if (seen === undefined) return false;
		const least = amountOf(value, seen.capacity) + (reclaiming && minReclaim ? amountOf(minReclaim, seen.capacity) : 0);
		return seen.available < least;
	});
}
