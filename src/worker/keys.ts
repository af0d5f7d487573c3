/** The key that signs and verifies the cluster's bearer tokens, from the environment. */
import { importJWK, type JWK } from "jose";
import type { WorkerEnv } from "../core/protocol/tokens.ts";

export const SIGNING_ALGORITHM = "ES256";

export interface SigningKeys {
	kid: string;
	privateKey: CryptoKey;
	publicKey: CryptoKey;
	/** For /openid/v1/jwks. */
	publicJwk: JWK;
}

let imported: { text: string; keys: Promise<SigningKeys> } | undefined;

async function importKeys(text: string): Promise<SigningKeys> {
	const jwk = JSON.parse(text) as JWK;
	if (jwk.kty !== "EC" || jwk.crv !== "P-256" || !jwk.d || !jwk.kid)
		throw new Error("PETREL_SIGNING_KEY must be the JWK of an EC P-256 private key with a kid");
	const { kty, crv, x, y, kid } = jwk;
	const publicJwk: JWK = { kty, crv, x, y, kid, use: "sig", alg: SIGNING_ALGORITHM };
	const [privateKey, publicKey] = await Promise.all([importJWK(jwk, SIGNING_ALGORITHM), importJWK(publicJwk, SIGNING_ALGORITHM)]);
	return { kid, privateKey: privateKey as CryptoKey, publicKey: publicKey as CryptoKey, publicJwk };
}

/** Imported once an isolate. Rejects when the environment holds no usable key. */
export function signingKeys(env: WorkerEnv): Promise<SigningKeys> {
	if (imported?.text !== env.PETREL_SIGNING_KEY) imported = { text: env.PETREL_SIGNING_KEY, keys: importKeys(env.PETREL_SIGNING_KEY) };
	return imported.keys;
}
