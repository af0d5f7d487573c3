/** Deciding about a delivery before anything is done: whether it has come before, and whether too many come. Pure. */

/** How long a delivery is remembered, in milliseconds: longer than any sender tries again. */
export const REMEMBERED_MS = 7 * 24 * 3600 * 1000;
/** Deliveries of one receiver that are remembered; the oldest are forgotten first. */
export const REMEMBERED_MAX = 10_000;

/** What is remembered of a delivery. */
export interface RememberedDelivery {
	/** When it first came, in milliseconds since 1970. */
	receivedMs: number;
	/** All was done that was to be done. */
	done: boolean;
}

/**
 * The moment that the delivery counts as received at, or that it is a replay. One that was not carried out to its end may be
 * sent again: its actions know themselves again by the first moment.
 */
export function admitDelivery(remembered: RememberedDelivery | undefined, nowMs: number): { receivedMs: number } | { replayOf: number } {
	if (remembered === undefined || nowMs - remembered.receivedMs > REMEMBERED_MS) return { receivedMs: nowMs };
	return remembered.done ? { replayOf: remembered.receivedMs } : { receivedMs: remembered.receivedMs };
}

/** A bucket that holds a minute's deliveries and fills all the time. */
export interface Bucket {
	left: number;
	atMs: number;
}

const MS_PER_MINUTE = 60_000;

/** Takes one delivery out of the bucket: the bucket afterwards, and in how many seconds to come again where it was empty. */
export function takeFrom(bucket: Bucket | undefined, perMinute: number, nowMs: number): { bucket: Bucket; retryAfterSeconds?: number } {
	const filled = bucket === undefined ? perMinute : Math.min(perMinute, bucket.left + (Math.max(0, nowMs - bucket.atMs) * perMinute) / MS_PER_MINUTE);
	if (filled >= 1) return { bucket: { left: filled - 1, atMs: nowMs } };
	return { bucket: { left: filled, atMs: nowMs }, retryAfterSeconds: Math.ceil(((1 - filled) * MS_PER_MINUTE) / perMinute / 1000) };
}
