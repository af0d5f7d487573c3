/** Exponential back-off by key, as k8s.io/client-go/util/flowcontrol.Backoff: restarts of containers, pulls of images. */
import type { Clock } from "./clock.ts";
import { durationMs, type KubeletConfiguration } from "./kubelet-configuration.ts";

/** Kubelet's MaxContainerBackOff and initial container restart back-off. */
export const CONTAINER_BACKOFF_INITIAL_MS = 10_000;
export const CONTAINER_BACKOFF_MAX_MS = 300_000;
/** Kubelet's back-off of image pulls. */
export const IMAGE_BACKOFF_INITIAL_MS = 10_000;
export const IMAGE_BACKOFF_MAX_MS = 300_000;

interface Entry {
	delayMs: number;
	updatedAtMs: number;
}

export interface BackoffDurations {
	initialMs: number;
	maxMs: number;
}

export class Backoff {
	readonly #clock: Clock;
	readonly #durations: BackoffDurations;
	readonly #entries = new Map<string, Entry>();

	constructor(clock: Clock, durations: BackoffDurations) {
		this.#clock = clock;
		this.#durations = durations;
	}

	/** How long is left of the back-off that began at `sinceMs`; 0 when it is over. */
	remainingMs(key: string, sinceMs: number): number {
		const entry = this.#entries.get(key);
		if (!entry || this.#expired(entry, sinceMs)) return 0;
		return Math.max(0, sinceMs + entry.delayMs - this.#clock.nowMs());
	}

	/** The same, counted from the last `next`. */
	remainingSinceUpdateMs(key: string): number {
		const entry = this.#entries.get(key);
		return entry ? this.remainingMs(key, entry.updatedAtMs) : 0;
	}

	/** The key's present delay, for messages. */
	delayMs(key: string): number {
		return this.#entries.get(key)?.delayMs ?? 0;
	}

	/** Doubles the delay for the next time; `sinceMs` is when the thing happened that is backed off from. */
	next(key: string, sinceMs: number): void {
		const entry = this.#entries.get(key);
		const delayMs = !entry || this.#expired(entry, sinceMs) ? this.#durations.initialMs : Math.min(entry.delayMs * 2, this.#durations.maxMs);
		this.#entries.set(key, { delayMs, updatedAtMs: this.#clock.nowMs() });
	}

	/** Forgets what begins with `prefix`: a deleted pod's keys. */
	forget(prefix: string): void {
		for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
	}

	/** What ran for twice the longest delay starts afresh: ten minutes by default. */
	#expired(entry: Entry, sinceMs: number): boolean {
		return sinceMs - entry.updatedAtMs > this.#durations.maxMs * 2;
	}
}

/** Go's time.Duration in whole seconds: "10s", "1m20s", "5m0s". */
export function goDuration(ms: number): string {
	const seconds = Math.round(ms / 1000);
	if (ms > 0 && ms < 1000) return `${Math.round(ms)}ms`;
	const minutes = Math.floor(seconds / 60);
	if (minutes === 0) return `${seconds}s`;
	const hours = Math.floor(minutes / 60);
	return hours === 0 ? `${minutes}m${seconds % 60}s` : `${hours}h${minutes % 60}m${seconds % 60}s`;
}

/** Kubelet's: a low ceiling lowers the first pause too. */
export function restartBackoff({ crashLoopBackOff }: KubeletConfiguration): BackoffDurations {
	const maxMs = durationMs(crashLoopBackOff.maxContainerRestartPeriod);
	return { initialMs: Math.min(CONTAINER_BACKOFF_INITIAL_MS, maxMs), maxMs };
}
