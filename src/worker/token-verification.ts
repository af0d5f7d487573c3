/** Verifies bearer tokens: who is it, in this cluster? Users and nodes without a hop; ServiceAccounts must still be there. */
import { errors, type JWTPayload, jwtVerify } from "jose";
import type { UserInfo } from "../core/api/request.ts";
import {
	GROUP_AUTHENTICATED,
	GROUP_SERVICE_ACCOUNTS,
	SERVICE_ACCOUNT_ISSUER,
	type ServiceAccountTokenClaims,
	TOKEN_ISSUER,
	type UserTokenClaims,
	type WorkerEnv,
} from "../core/protocol/tokens.ts";
import { namespaceObject } from "../objects/addresses.ts";
import { isIdOf } from "../objects/tenancy.ts";
import { SIGNING_ALGORITHM, signingKeys } from "./keys.ts";
import { TokenCache } from "./token-cache.ts";

/** Verified tokens an isolate remembers: a verification costs some 100 us of CPU. */
const MAX_CACHED_TOKENS = 2_000;
/** How long a verified token is believed without looking at it again, in milliseconds. */
const CACHE_MS = 5 * 60_000;
/** The same for a ServiceAccount, which may be deleted meanwhile: kube-apiserver's time for tokens that it has verified. */
const SERVICE_ACCOUNT_CACHE_MS = 10_000;
const cache = new TokenCache<{ user: UserInfo; cluster: string }>(MAX_CACHED_TOKENS, CACHE_MS);

/** `cluster`: the id of the cluster that the token is for. */
export type TokenVerdict = { ok: true; user: UserInfo; cluster: string } | { ok: false; why: string };

const AUDIENCES_OF_API = [SERVICE_ACCOUNT_ISSUER];

/** The user of a token that the control plane made for a user, a node or a joining agent. */
function userOfClaims(claims: UserTokenClaims): UserInfo {
	return { name: claims.sub, groups: [...new Set([...claims.groups, GROUP_AUTHENTICATED])] };
}

/** As k8s.io/kubernetes/pkg/serviceaccount (claims.go, util.go) describes the holder of a bound token. */
function userOfServiceAccount(claims: ServiceAccountTokenClaims): UserInfo {
	const bound = claims["kubernetes.io"];
	const extra: Record<string, readonly string[]> = { "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`] };
	if (bound.node) {
		extra["authentication.kubernetes.io/node-name"] = [bound.node.name];
		extra["authentication.kubernetes.io/node-uid"] = [bound.node.uid];
	}
	if (bound.pod) {
		extra["authentication.kubernetes.io/pod-name"] = [bound.pod.name];
		extra["authentication.kubernetes.io/pod-uid"] = [bound.pod.uid];
	}
	return {
		name: claims.sub,
		uid: bound.serviceaccount.uid,
		groups: [GROUP_SERVICE_ACCOUNTS, `${GROUP_SERVICE_ACCOUNTS}:${bound.namespace}`, GROUP_AUTHENTICATED],
		extra,
	};
}

function userOf(payload: JWTPayload, cluster: string, audiences: readonly string[]): TokenVerdict {
	if (payload.iss === TOKEN_ISSUER) {
		const claims = payload as unknown as UserTokenClaims;
		if (!isIdOf(claims.aud, cluster)) return { ok: false, why: "the token is of another cluster" };
		return { ok: true, user: userOfClaims(claims), cluster: claims.aud };
	}
	if (payload.iss === SERVICE_ACCOUNT_ISSUER) {
		const claims = payload as unknown as ServiceAccountTokenClaims;
		const id = claims["petrel.dev/cluster"];
		if (!isIdOf(id, cluster)) return { ok: false, why: "the token is of another cluster" };
		if (!claims.aud.some((a) => audiences.includes(a)))
			return { ok: false, why: `token audiences ${JSON.stringify(claims.aud)} is invalid for the target audiences ${JSON.stringify(audiences)}` };
		return { ok: true, user: userOfServiceAccount(claims), cluster: id };
	}
	return { ok: false, why: "unknown token issuer" };
}

/**
 * @param cluster its name.
 * @param audiences what a ServiceAccount's token must be for; the API itself by default.
 * Rejects only for a fault of the server's own (an unusable key).
 */
export async function verifyToken(
	env: WorkerEnv,
	cluster: string,
	token: string,
	nowMs: number,
	audiences: readonly string[] = AUDIENCES_OF_API,
): Promise<TokenVerdict> {
	const key = `${cluster}\n${audiences.join(" ")}\n${token}`;
	const known = cache.get(key, nowMs);
	if (known) return { ok: true, ...known };
	const { publicKey } = await signingKeys(env);
	let payload: JWTPayload;
	try {
		({ payload } = await jwtVerify(token, publicKey, { algorithms: [SIGNING_ALGORITHM], currentDate: new Date(nowMs) }));
	} catch (cause) {
		if (cause instanceof errors.JOSEError) return { ok: false, why: cause.message };
		throw cause;
	}
	const verdict = userOf(payload, cluster, audiences);
	if (!verdict.ok) return verdict;
	let untilMs = payload.exp === undefined ? Number.POSITIVE_INFINITY : payload.exp * 1000;
	if (payload.iss === SERVICE_ACCOUNT_ISSUER) {
		const { "kubernetes.io": bound } = payload as unknown as ServiceAccountTokenClaims;
		const problem = await namespaceObject(env, verdict.cluster, bound.namespace).boundTokenProblem(bound);
		if (problem !== null) return { ok: false, why: problem };
		untilMs = Math.min(untilMs, nowMs + SERVICE_ACCOUNT_CACHE_MS);
	}
	cache.set(key, { user: verdict.user, cluster: verdict.cluster }, nowMs, untilMs);
	return verdict;
}
