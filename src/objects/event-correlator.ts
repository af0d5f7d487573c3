/**
 * Which of the Events that controllers tell are written, and as what: client-go's EventCorrelator. Many of one kind with
 * different words become one, and an object that causes too many is told of only now and then. Kept in memory, as a
 * client keeps it.
 */
import type { KubeObject } from "../core/meta/object.ts";

export interface RecordedEvent {
	source: string;
	about: KubeObject;
	eventType: "Normal" | "Warning";
	reason: string;
	message: string;
}

/** So many similar Events with different words, each within SIMILAR_WINDOW_MS of the last, are combined (defaultAggregateMaxEvents). */
export const SIMILAR_MAX = 10;
/** In milliseconds (defaultAggregateIntervalInSeconds). */
export const SIMILAR_WINDOW_MS = 600_000;
/** Events about one object at once (defaultSpamBurst). */
export const BURST = 25;
/** After the burst one more in each of these, in milliseconds (defaultSpamQPS). */
export const REFILL_MS = 300_000;
/** Objects and groups of similar Events remembered (maxLruCacheEntries). */
const REMEMBERED_MAX = 4096;
const COMBINED = "(combined from similar events): ";

interface Similar {
	messages: Set<string>;
	lastMs: number;
}

interface Bucket {
	tokens: number;
	lastMs: number;
}

export class EventCorrelator {
	readonly #similar = new Map<string, Similar>();
	readonly #buckets = new Map<string, Bucket>();

	/** The parts that name the Event to be counted up or written, and its words; undefined for one that is dropped. */
	correlate(event: RecordedEvent, nowMs: number): { identity: string[]; message: string } | undefined {
		const { source, about, eventType, reason, message } = event;
		const { kind, apiVersion, metadata } = about;
		const object = [source, kind, metadata.namespace ?? "", metadata.name ?? "", metadata.uid ?? "", apiVersion];
		const group = [...object, eventType, reason];
		const combined = this.#isOneOfMany(group.join("\n"), message, nowMs);
		if (!this.#allows(object.join("\n"), nowMs)) return undefined;
		return combined ? { identity: group, message: COMBINED + message } : { identity: [...group, message], message };
	}

	/** Whether the group has heard too many different words of late. */
	#isOneOfMany(group: string, message: string, nowMs: number): boolean {
		const old = this.#similar.get(group);
		const entry = old !== undefined && nowMs - old.lastMs <= SIMILAR_WINDOW_MS ? old : { messages: new Set<string>(), lastMs: nowMs };
		entry.lastMs = nowMs;
		entry.messages.add(message);
		remember(this.#similar, group, entry);
		if (entry.messages.size < SIMILAR_MAX) return false;
		// The words themselves matter no longer; all that is kept is that there are many.
		entry.messages.delete(entry.messages.values().next().value as string);
		return true;
	}

	#allows(object: string, nowMs: number): boolean {
		const bucket = this.#buckets.get(object) ?? { tokens: BURST, lastMs: nowMs };
		bucket.tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.lastMs) / REFILL_MS);
		bucket.lastMs = nowMs;
		remember(this.#buckets, object, bucket);
		if (bucket.tokens < 1) return false;
		bucket.tokens -= 1;
		return true;
	}
}

/** The least recently used goes first. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
	map.delete(key);
	map.set(key, value);
	if (map.size > REMEMBERED_MAX) map.delete(map.keys().next().value as string);
}
