/**
 * Verifies bearer tokens: who is it, and in which cluster? Users and nodes without a hop; ServiceAccounts and bootstrap
 * tokens must still be there; others' tokens are read as the cluster's authentication configuration says.
 */
import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import type { UserInfo } from "../core/api/request.ts";
import {
	GROUP_AUTHENTICATED,
	GROUP_SERVICE_ACCOUNTS,
	LEGACY_ACCOUNT_ISSUER,
	type LegacyAccountTokenClaims,
	SERVICE_ACCOUNT_ISSUER,
	type ServiceAccountTokenClaims,
	TOKEN_ISSUER,
	type UserTokenClaims,
	type WorkerEnv,
} from "../core/protocol/tokens.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import { isIdOf } from "../objects/tenancy.ts";
import { clusterNamed } from "./cluster-directory.ts";
import { SIGNING_ALGORITHM, signingKeys } from "./keys.ts";
import { authenticationOf, verifyIssued } from "./oidc-issuers.ts";
import { TokenCache } from "./token-cache.ts";

/** Verified tokens an isolate remembers: a verification costs some 100 us of CPU. */
const MAX_CACHED_TOKENS = 2_000;
/** How long a verified token is believed without looking at it again, in milliseconds. */
const CACHE_MS = 5 * 60_000;
/** The same for what may be deleted or revoked meanwhile: kube-apiserver's time for tokens that it has verified. */
const REVOCABLE_CACHE_MS = 10_000;
/** What a cluster's own token, which names no audience, is good for. */
const AUDIENCES_OF_API = [SERVICE_ACCOUNT_ISSUER];
const BOOTSTRAP_TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const BOOTSTRAP_NAMESPACE = "kube-system";

/** What a good token says. */
export interface Verified {
	user: UserInfo;
	/** The id of the cluster that it is for. */
	cluster: string;
	/** Those of the wanted audiences that it is for. */
	audiences: readonly string[];
}
interface Good extends Verified {
	ok: true;
	/** It is not believed longer than this. */
	untilMs: number;
}
type Bad = { ok: false; why: string };
export type TokenVerdict = ({ ok: true } & Verified) | Bad;

const cache = new TokenCache<Verified>(MAX_CACHED_TOKENS, CACHE_MS);

interface Asked {
	env: WorkerEnv;
	/** As the path names it. */
	clusterName: string;
	token: string;
	nowMs: number;
	audiences: readonly string[];
}

const OTHER_CLUSTER: Bad = { ok: false, why: "the token is of another cluster" };

function matching(asked: Asked, ofToken: readonly string[]): string[] | Bad {
	const audiences = asked.audiences.filter((audience) => ofToken.includes(audience));
	if (audiences.length > 0) return audiences;
	return { ok: false, why: `token audiences ${JSON.stringify(ofToken)} is invalid for the target audiences ${JSON.stringify(asked.audiences)}` };
}

/** A verdict, when the token's audiences are among the wanted ones. */
function good(asked: Asked, user: UserInfo, cluster: string, untilMs: number, ofToken: readonly string[] = AUDIENCES_OF_API): Good | Bad {
	const audiences = matching(asked, ofToken);
	return "ok" in audiences ? audiences : { ok: true, user, cluster, untilMs, audiences };
}

const endOf = (payload: JWTPayload): number => (payload.exp === undefined ? Number.POSITIVE_INFINITY : payload.exp * 1000);

/** The user of a token that the control plane made for a user, a node or a joining agent. */
function verifyUser(asked: Asked, payload: JWTPayload): Good | Bad {
	const { aud, sub, groups } = payload as unknown as UserTokenClaims;
	if (!isIdOf(aud, asked.clusterName)) return OTHER_CLUSTER;
	return good(asked, { name: sub, groups: [...new Set([...groups, GROUP_AUTHENTICATED])] }, aud, endOf(payload));
}

const accountGroups = (namespace: string): string[] => [GROUP_SERVICE_ACCOUNTS, `${GROUP_SERVICE_ACCOUNTS}:${namespace}`, GROUP_AUTHENTICATED];

/** As k8s.io/kubernetes/pkg/serviceaccount (claims.go, util.go) describes the holder of a bound token. */
function userOfServiceAccount(claims: ServiceAccountTokenClaims): UserInfo {
	const bound = claims["kubernetes.io"];
	const extra: Record<string, readonly string[]> = { "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`] };
	if (bound.node) {
		extra["authentication.kubernetes.io/node-name"] = [bound.node.name];
		if (bound.node.uid) extra["authentication.kubernetes.io/node-uid"] = [bound.node.uid];
	}
	if (bound.pod) {
		extra["authentication.kubernetes.io/pod-name"] = [bound.pod.name];
		extra["authentication.kubernetes.io/pod-uid"] = [bound.pod.uid];
	}
	return { name: claims.sub, uid: bound.serviceaccount.uid, groups: accountGroups(bound.namespace), extra };
}

async function verifyAccount(asked: Asked, payload: JWTPayload): Promise<Good | Bad> {
	const claims = payload as unknown as ServiceAccountTokenClaims;
	const { "petrel.dev/cluster": cluster, "kubernetes.io": bound } = claims;
	if (!isIdOf(cluster, asked.clusterName)) return OTHER_CLUSTER;
	const verdict = good(asked, userOfServiceAccount(claims), cluster, Math.min(endOf(payload), asked.nowMs + REVOCABLE_CACHE_MS), claims.aud);
	if (!verdict.ok) return verdict;
	const problem = await namespaceObject(asked.env, cluster, bound.namespace).boundTokenProblem(bound);
	if (problem !== null) return { ok: false, why: problem };
	// A token of a pod tells where the pod runs; only one that is bound to the node alone ends with it.
	if (bound.node && !bound.pod) {
		const uid = await clusterObject(asked.env, cluster).nodeUid(bound.node.name);
		if (uid === null) return { ok: false, why: "service account token has been invalidated" };
		if (uid !== bound.node.uid) return { ok: false, why: `node UID (${uid}) does not match service account node ref claim (${bound.node.uid})` };
	}
	return verdict;
}

/** A token that a Secret holds. */
async function verifyLegacyAccount(asked: Asked, payload: JWTPayload): Promise<Good | Bad> {
	const claims = payload as unknown as LegacyAccountTokenClaims;
	const cluster = claims["petrel.dev/cluster"];
	if (!isIdOf(cluster, asked.clusterName)) return OTHER_CLUSTER;
	const namespace = claims["kubernetes.io/serviceaccount/namespace"];
	const problem = await namespaceObject(asked.env, cluster, namespace).legacyTokenProblem(claims, asked.token);
	if (problem !== null) return { ok: false, why: problem };
	const uid = claims["kubernetes.io/serviceaccount/service-account.uid"];
	return good(asked, { name: claims.sub, uid, groups: accountGroups(namespace) }, cluster, asked.nowMs + REVOCABLE_CACHE_MS);
}

const OWN_ISSUERS: Readonly<Record<string, (asked: Asked, payload: JWTPayload) => Good | Bad | Promise<Good | Bad>>> = {
	[TOKEN_ISSUER]: verifyUser,
	[SERVICE_ACCOUNT_ISSUER]: verifyAccount,
	[LEGACY_ACCOUNT_ISSUER]: verifyLegacyAccount,
};

/** A token that the control plane signed itself. Rejects only for a fault of the server's own (an unusable key). */
async function verifyOwn(asked: Asked, issuer: string): Promise<Good | Bad> {
	const { publicKey } = await signingKeys(asked.env);
	try {
		const { payload } = await jwtVerify(asked.token, publicKey, { algorithms: [SIGNING_ALGORITHM], issuer, currentDate: new Date(asked.nowMs) });
		return (await OWN_ISSUERS[issuer]?.(asked, payload)) ?? { ok: false, why: "unknown token issuer" };
	} catch (cause) {
		if (cause instanceof errors.JOSEError) return { ok: false, why: cause.message };
		throw cause;
	}
}

async function verifyBootstrap(asked: Asked, id: string, secret: string): Promise<Good | Bad> {
	const { id: cluster } = await clusterNamed(asked.env, asked.clusterName, asked.nowMs);
	const user = await namespaceObject(asked.env, cluster, BOOTSTRAP_NAMESPACE).bootstrapUser(id, secret);
	return user === null ? { ok: false, why: "invalid bearer token" } : good(asked, user, cluster, asked.nowMs + REVOCABLE_CACHE_MS);
}

async function verifyOthers(asked: Asked, issuer: string): Promise<Good | Bad> {
	const { id: cluster, authentication } = await clusterNamed(asked.env, asked.clusterName, asked.nowMs);
	const verdict = await verifyIssued(authenticationOf(authentication), issuer, asked.token, asked.nowMs);
	if (!verdict.ok) return verdict;
	const { user, expiresAtMs } = verdict;
	return good(asked, { ...user, groups: [...new Set([...user.groups, GROUP_AUTHENTICATED])] }, cluster, expiresAtMs);
}

/** What the token says of its issuer, before anything of it is believed. */
function issuerOf(token: string): string | undefined {
	try {
		return decodeJwt(token).iss;
	} catch {
		return undefined;
	}
}

async function verify(asked: Asked): Promise<Good | Bad> {
	const bootstrap = BOOTSTRAP_TOKEN.exec(asked.token);
	if (bootstrap) return verifyBootstrap(asked, bootstrap[1] ?? "", bootstrap[2] ?? "");
	const issuer = issuerOf(asked.token);
	if (issuer === undefined) return { ok: false, why: "invalid bearer token" };
	return Object.hasOwn(OWN_ISSUERS, issuer) ? verifyOwn(asked, issuer) : verifyOthers(asked, issuer);
}

/**
 * @param clusterName as the path has it.
 * @param audiences what the token must be for; the API itself by default.
 * Rejects for a fault of the server's own, and with a StatusError 404 where no cluster has this name.
 */
export async function verifyToken(
	env: WorkerEnv,
	clusterName: string,
	token: string,
	nowMs: number,
	audiences: readonly string[] = AUDIENCES_OF_API,
): Promise<TokenVerdict> {
	const key = `${clusterName}\n${audiences.join(" ")}\n${token}`;
	const known = cache.get(key, nowMs);
	if (known) return { ok: true, ...known };
	const verdict = await verify({ env, clusterName, token, nowMs, audiences });
	if (!verdict.ok) return verdict;
	const { ok: _, untilMs, ...verified } = verdict;
	cache.set(key, verified, nowMs, untilMs);
	return { ok: true, ...verified };
}
