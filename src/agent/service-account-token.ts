/**
 * ServiceAccount tokens for pods, asked of the API with the node's credential and kept until 80% of their life is over; kept on disk
 * too, sealed, since pods must start again after a reboot without a control plane.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import { type Clock, timestamp } from "./clock.ts";
import { type ApiAnswer, type ApiClient, parseJson } from "./control-plane-client.ts";
import type { Logger } from "./log.ts";
import { podRef } from "./pod-names.ts";
import { SealedFile } from "./sealed-file.ts";
import type { BoundToken, TokenSource, TokenWanted } from "./volumes/volume.ts";

/** Upstream's token manager: a fresh token when a fifth of the life is left, or after a day. */
const REFRESH_FRACTION = 0.8;
const MAX_AGE_MS = 24 * 3600 * 1000;

interface CachedToken {
	token: string;
	refreshAtMs: number;
	expiresAtMs: number;
}

interface TokenAnswer {
	status?: { token?: string; expirationTimestamp?: string };
	message?: string;
}

const FILE_NAME = "service-account-tokens";

export class ServiceAccountTokens implements TokenSource {
	readonly #api: ApiClient;
	readonly #clock: Clock;
	readonly #log: Logger;
	readonly #dataDirectory: string;
	readonly #file: SealedFile;
	readonly #cache = new Map<string, CachedToken>();
	#loaded: Promise<void> | undefined;

	constructor(api: ApiClient, clock: Clock, log: Logger, dataDirectory: string) {
		this.#api = api;
		this.#clock = clock;
		this.#log = log;
		this.#dataDirectory = dataDirectory;
		this.#file = new SealedFile(dataDirectory, FILE_NAME);
	}

	async token(pod: Pod, request: TokenWanted): Promise<string> {
		return (await this.#current(pod, request)).token;
	}

	async bound(pod: Pod, request: TokenWanted): Promise<BoundToken> {
		const { token, expiresAtMs } = await this.#current(pod, request);
		return { token, expirationTimestamp: timestamp(expiresAtMs) };
	}

	async #current(pod: Pod, request: TokenWanted): Promise<CachedToken> {
		this.#loaded ??= this.#load();
		await this.#loaded;
		const key = `${pod.metadata.uid}/${request.audience ?? ""}/${request.expirationSeconds}`;
		const cached = this.#cache.get(key);
		const nowMs = this.#clock.nowMs();
		if (cached && nowMs < cached.refreshAtMs) return cached;
		const answer = await this.#request(pod, request).catch((error: unknown) => {
			// A control plane that is away must not break a pod: it would take no token anyway, and the next look gets a new one.
			if (cached) return undefined;
			throw error;
		});
		try {
			if (answer) return this.#keep(key, answer, nowMs);
		} catch (error) {
			if (!cached || nowMs >= cached.expiresAtMs) throw error;
		}
		return cached as CachedToken;
	}

	forget(podUid: string): void {
		const keys = [...this.#cache.keys()].filter((key) => key.startsWith(`${podUid}/`));
		for (const key of keys) this.#cache.delete(key);
		if (keys.length > 0) this.#save();
	}

	#keep(key: string, answer: ApiAnswer, nowMs: number): CachedToken {
		const fresh = cachedToken(answer, nowMs);
		this.#cache.set(key, fresh);
		this.#save();
		return fresh;
	}

	/** A file that cannot be read is made anew: the API has the tokens. */
	async #load(): Promise<void> {
		const text = await this.#file.read().catch((error: unknown) => {
			this.#log.warn("the pods' tokens of the last run cannot be read", { error });
			return undefined;
		});
		const saved = (text === undefined ? undefined : parseJson(text)) as Record<string, CachedToken> | undefined;
		// A pod that went while no agent ran has left its tokens.
		const isHere = (key: string): boolean => existsSync(join(this.#dataDirectory, "pods", key.split("/")[0] ?? ""));
		for (const [key, token] of Object.entries(saved ?? {})) if (isHere(key)) this.#cache.set(key, token);
	}

	#save(): void {
		const saved = this.#file.save(() => JSON.stringify(Object.fromEntries(this.#cache)));
		saved.catch((error: unknown) => this.#log.warn("the pods' tokens cannot be kept on disk", { error }));
	}

	#request(pod: Pod, request: TokenWanted): Promise<ApiAnswer> {
		const ref = podRef(pod);
		const account = pod.spec?.serviceAccountName || "default";
		return this.#api.request("POST", `/api/v1/namespaces/${encodeURIComponent(ref.namespace)}/serviceaccounts/${encodeURIComponent(account)}/token`, {
			apiVersion: "authentication.k8s.io/v1",
			kind: "TokenRequest",
			spec: {
				...(request.audience ? { audiences: [request.audience] } : {}),
				expirationSeconds: request.expirationSeconds,
				boundObjectRef: { apiVersion: "v1", kind: "Pod", name: ref.name, uid: ref.uid },
			},
		});
	}
}

function cachedToken(answer: ApiAnswer, nowMs: number): CachedToken {
	const body = answer.body as TokenAnswer;
	const token = body?.status?.token;
	const expiresAtMs = Date.parse(body?.status?.expirationTimestamp ?? "");
	if (answer.code >= 300 || !token || Number.isNaN(expiresAtMs))
		throw new Error(`failed to fetch token: ${body?.message ?? `the API answered ${answer.code}`}`);
	const lifeMs = expiresAtMs - nowMs;
	return { token, expiresAtMs, refreshAtMs: nowMs + Math.min(lifeMs * REFRESH_FRACTION, MAX_AGE_MS) };
}
