/** Secrets of other namespaces, asked for at most once in a while: deliveries to the cluster's subscriptions are made with them everywhere. */
import type { Secret } from "../../core/schema/kubernetes.d.ts";

/** So old a Secret may be when a delivery is made with it, in milliseconds. */
export const SECRET_CACHE_MS = 30_000;
const ENTRIES_MAX = 256;

export class SecretCache {
	readonly #ask: (namespace: string, name: string) => Promise<Secret | undefined>;
	readonly #nowMs: () => number;
	readonly #entries = new Map<string, { untilMs: number; secret: Promise<Secret | undefined> }>();

	constructor(ask: (namespace: string, name: string) => Promise<Secret | undefined>, nowMs: () => number) {
		this.#ask = ask;
		this.#nowMs = nowMs;
	}

	read(namespace: string, name: string): Promise<Secret | undefined> {
		const key = `${namespace}/${name}`;
		const known = this.#entries.get(key);
		if (known !== undefined && known.untilMs > this.#nowMs()) return known.secret;
		if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
		const secret = this.#ask(namespace, name);
		this.#entries.set(key, { untilMs: this.#nowMs() + SECRET_CACHE_MS, secret });
		secret.catch(() => this.#entries.delete(key));
		return secret;
	}
}
