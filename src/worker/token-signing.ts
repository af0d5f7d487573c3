/** Makes the tokens the front door hands out: nodes' credentials and bound ServiceAccount tokens. */
import { SignJWT } from "jose";
import {
	ADMIN_USER,
	GROUP_MASTERS,
	GROUP_NODES,
	SERVICE_ACCOUNT_ISSUER,
	type ServiceAccountTokenClaims,
	TOKEN_ISSUER,
	type UserTokenClaims,
	type WorkerEnv,
} from "../core/protocol/tokens.ts";
import { SIGNING_ALGORITHM, signingKeys } from "./keys.ts";

async function sign(env: WorkerEnv, claims: UserTokenClaims | ServiceAccountTokenClaims): Promise<string> {
	const { privateKey, kid } = await signingKeys(env);
	return new SignJWT({ ...claims }).setProtectedHeader({ alg: SIGNING_ALGORITHM, kid }).sign(privateKey);
}

const seconds = (ms: number): number => Math.floor(ms / 1000);

/** How long a node's credential is good, in seconds: long enough for a machine that was off for weeks to come back by itself. */
export const NODE_CREDENTIAL_SECONDS = 30 * 24 * 3600;

/** Opens what system:node:<name> may do. Without an end for agents that cannot renew it. */
export const signNodeCredential = (env: WorkerEnv, cluster: string, node: string, nowMs: number, lifeSeconds?: number): Promise<string> =>
	sign(env, {
		iss: TOKEN_ISSUER,
		aud: cluster,
		sub: `system:node:${node}`,
		groups: [GROUP_NODES],
		iat: seconds(nowMs),
		...(lifeSeconds === undefined ? {} : { exp: seconds(nowMs) + lifeSeconds }),
	});

/** As long as the certificate in an administrator's kubeconfig is good that kubeadm makes: a year. */
const ADMIN_TOKEN_SECONDS = 365 * 24 * 3600;

/** For the kubeconfig of a hosted cluster's administrator. */
export const signAdminToken = (env: WorkerEnv, cluster: string, nowMs: number): Promise<string> =>
	sign(env, { iss: TOKEN_ISSUER, aud: cluster, sub: ADMIN_USER, groups: [GROUP_MASTERS], iat: seconds(nowMs), exp: seconds(nowMs) + ADMIN_TOKEN_SECONDS });

export interface SignedToken {
	/** The token's jti. */
	id: string;
	token: string;
	/** RFC 3339, as TokenRequest.status.expirationTimestamp. */
	expirationTimestamp: string;
}

export async function signServiceAccountToken(
	env: WorkerEnv,
	cluster: string,
	claims: Pick<ServiceAccountTokenClaims, "sub" | "aud" | "kubernetes.io">,
	expirationSeconds: number,
	nowMs: number,
): Promise<SignedToken> {
	const iat = seconds(nowMs);
	const exp = iat + expirationSeconds;
	const id = crypto.randomUUID();
	const token = await sign(env, { ...claims, iss: SERVICE_ACCOUNT_ISSUER, iat, nbf: iat, exp, jti: id, "petrel.dev/cluster": cluster });
	return { id, token, expirationTimestamp: new Date(exp * 1000).toISOString().replace(/\.\d+Z$/, "Z") };
}
