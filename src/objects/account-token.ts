/** Signs the tokens of Secrets inside the transaction that fills them: by node:crypto, since WebCrypto would leave it. */
import { type JsonWebKey, sign } from "node:crypto";
import { LEGACY_ACCOUNT_ISSUER, type LegacyAccountTokenClaims } from "../core/protocol/tokens.ts";

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** `signingKey`: PETREL_SIGNING_KEY. */
export function signLegacyAccountToken(signingKey: string, cluster: string, namespace: string, secret: string, account: { name: string; uid: string }): string {
	const jwk = JSON.parse(signingKey) as JsonWebKey & { kid?: string };
	const claims: LegacyAccountTokenClaims = {
		iss: LEGACY_ACCOUNT_ISSUER,
		sub: `system:serviceaccount:${namespace}:${account.name}`,
		"kubernetes.io/serviceaccount/namespace": namespace,
		"kubernetes.io/serviceaccount/secret.name": secret,
		"kubernetes.io/serviceaccount/service-account.name": account.name,
		"kubernetes.io/serviceaccount/service-account.uid": account.uid,
		"petrel.dev/cluster": cluster,
	};
	const text = `${encode({ alg: "ES256", kid: jwk.kid })}.${encode(claims)}`;
	const signature = sign("sha256", Buffer.from(text), { key: jwk, format: "jwk", dsaEncoding: "ieee-p1363" });
	return `${text}.${signature.toString("base64url")}`;
}
