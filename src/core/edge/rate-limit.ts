/** A client's rate: a bucket that fills at the rate, of a multiple of it in size. */

/** Clients that are remembered; beyond it all are forgotten. */
const BUCKETS_MAX = 50_000;

interface Bucket {
	tokens: number;
	atMs: number;
}

export class RateLimiter {
	readonly #buckets = new Map<string, Bucket>();

	/** Whether another one may come now. */
	take(key: string, perSecond: number, burst: number, nowMs: number): boolean {
		const size = Math.max(1, burst);
		const bucket = this.#buckets.get(key) ?? { tokens: size, atMs: nowMs };
		const tokens = Math.min(size, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond);
		const may = tokens >= 1;
		if (this.#buckets.size >= BUCKETS_MAX && !this.#buckets.has(key)) this.#buckets.clear();
		this.#buckets.set(key, { tokens: may ? tokens - 1 : tokens, atMs: nowMs });
		return may;
	}
}
