/** A bounded memory of what tokens mean: the least recently used goes first, nothing outlives its own expiry. */

interface Entry<T> {
	value: T;
	untilMs: number;
}

export class TokenCache<T> {
	readonly #entries = new Map<string, Entry<T>>();
	readonly #maxEntries: number;
	readonly #lifetimeMs: number;

	constructor(maxEntries: number, lifetimeMs: number) {
		this.#maxEntries = maxEntries;
		this.#lifetimeMs = lifetimeMs;
	}

	get size(): number {
		return this.#entries.size;
	}

	get(key: string, nowMs: number): T | undefined {
		const entry = this.#entries.get(key);
		if (!entry) return undefined;
		this.#entries.delete(key);
		if (entry.untilMs <= nowMs) return undefined;
		this.#entries.set(key, entry);
		return entry.value;
	}

	/** `expiresAtMs`: the token's own end, if it has one. */
	set(key: string, value: T, nowMs: number, expiresAtMs = Number.POSITIVE_INFINITY): void {
		this.#entries.delete(key);
		const oldest = this.#entries.size >= this.#maxEntries ? this.#entries.keys().next().value : undefined;
		if (oldest !== undefined) this.#entries.delete(oldest);
		this.#entries.set(key, { value, untilMs: Math.min(nowMs + this.#lifetimeMs, expiresAtMs) });
	}
}
