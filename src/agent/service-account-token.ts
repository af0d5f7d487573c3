/** ServiceAccount tokens for pods, asked of the API with the node's credential and kept until 80% of their life is over. */
import type { Pod } from "../core/schema/kubernetes.d.ts";
import type { Clock } from "./clock.ts";
import type { ApiClient } from "./control-plane-client.ts";
import { podRef } from "./pod-names.ts";
import type { TokenSource } from "./volumes/volume.ts";

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

export class ServiceAccountTokens implements TokenSource {
	readonly #api: ApiClient;
	readonly #clock: Clock;
	readonly #cache = new Map<string, CachedToken>();

	constructor(api: ApiClient, clock: Clock) {
		this.#api = api;
		this.#clock = clock;
	}

	async token(pod: Pod, request: { audience: string | undefined; expirationSeconds: number }): Promise<string> {
		const key = `${pod.metadata.uid}/${request.audience ?? ""}/${request.expirationSeconds}`;
		const cached = this.#cache.get(key);
		const nowMs = this.#clock.nowMs();
		if (cached && nowMs < cached.refreshAtMs) return cached.token;
		try {
			const fresh = await this.#request(pod, request, nowMs);
			this.#cache.set(key, fresh);
			return fresh.token;
		} catch (error) {
			// The old one is good until it ends: a control plane that is away must not break a running pod.
			if (cached && nowMs < cached.expiresAtMs) return cached.token;
			throw error;
		}
	}

	forget(podUid: string): void {
		for (const key of this.#cache.keys()) if (key.startsWith(`${podUid}/`)) this.#cache.delete(key);
	}

	async #request(pod: Pod, request: { audience: string | undefined; expirationSeconds: number }, nowMs: number): Promise<CachedToken> {
		const ref = podRef(pod);
		const account = pod.spec?.serviceAccountName || "default";
		const answer = await this.#api.request(
			"POST",
			`/api/v1/namespaces/${encodeURIComponent(ref.namespace)}/serviceaccounts/${encodeURIComponent(account)}/token`,
			{
				apiVersion: "authentication.k8s.io/v1",
				kind: "TokenRequest",
				spec: {
					...(request.audience ? { audiences: [request.audience] } : {}),
					expirationSeconds: request.expirationSeconds,
					boundObjectRef: { apiVersion: "v1", kind: "Pod", name: ref.name, uid: ref.uid },
				},
			},
		);
		const body = answer.body as TokenAnswer;
		const token = body?.status?.token;
		const expiresAtMs = Date.parse(body?.status?.expirationTimestamp ?? "");
		if (answer.code >= 300 || !token || Number.isNaN(expiresAtMs))
			throw new Error(`failed to fetch token: ${body?.message ?? `the API answered ${answer.code}`}`);
		const lifeMs = expiresAtMs - nowMs;
		return { token, expiresAtMs, refreshAtMs: nowMs + Math.min(lifeMs * REFRESH_FRACTION, MAX_AGE_MS) };
	}
}
