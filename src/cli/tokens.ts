/** Signs the tokens that the machine's owner hands out: the administrator's and those of joining agents. */
import { exportJWK, generateKeyPair, importJWK, type JWK, jwtVerify, SignJWT } from "jose";
import { ADMIN_USER, DEPLOYMENT_AUDIENCE, GROUP_JOINING, GROUP_MASTERS, TOKEN_ISSUER, type UserTokenClaims } from "../core/protocol/tokens.ts";
import { CliError } from "./cli-error.ts";

const ALGORITHM = "ES256";
const KEY_ID_BYTES = 8;
const JOIN_ID_BYTES = 3;
/** The only cluster that `petrel up` serves. */
const CLUSTER = "default";
/** A command's time, and what clocks differ by. */
const OWNER_TOKEN_TTL_SECONDS = 600;
export const JOIN_TOKEN_TTL_SECONDS = 24 * 3600;

const randomHex = (bytes: number): string => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");

/** A new signing key as the JWK text that PETREL_SIGNING_KEY holds. */
export async function createSigningKey(): Promise<string> {
	const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
	return JSON.stringify({ ...(await exportJWK(privateKey)), alg: ALGORITHM, use: "sig", kid: randomHex(KEY_ID_BYTES) });
}

/** @throws CliError for a text that is no signing key. */
async function parseSigningKey(text: string): Promise<{ jwk: JWK; key: CryptoKey }> {
	try {
		const jwk = JSON.parse(text) as JWK;
		return { jwk, key: (await importJWK(jwk, ALGORITHM)) as CryptoKey };
	} catch (error) {
		throw new CliError("The signing key is damaged.", "Restore signing-key.json from a copy, or remove the data directory to begin anew.", { cause: error });
	}
}

async function sign(signingKey: string, claims: UserTokenClaims): Promise<string> {
	const { jwk, key } = await parseSigningKey(signingKey);
	return new SignJWT({ ...claims }).setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid: jwk.kid ?? "" }).sign(key);
}

const secondsOf = (nowMs: number): number => Math.floor(nowMs / 1000);

export function createAdminToken(signingKey: string, nowMs: number): Promise<string> {
	return sign(signingKey, { iss: TOKEN_ISSUER, aud: CLUSTER, sub: ADMIN_USER, groups: [GROUP_MASTERS], iat: secondsOf(nowMs) });
}

/** Whether the token is whole and was signed with this key. Throws CliError for a text that is no signing key. */
export async function isSignedWith(signingKey: string, token: string): Promise<boolean> {
	const { jwk } = await parseSigningKey(signingKey);
	const { d: _, ...publicPart } = jwk;
	return jwtVerify(token, await importJWK(publicPart, ALGORITHM)).then(
		() => true,
		() => false,
	);
}

/** What the deployment's owner makes accounts and clusters with: signed for one command. */
export function createOwnerToken(signingKey: string, nowMs: number): Promise<string> {
	const iat = secondsOf(nowMs);
	return sign(signingKey, { iss: TOKEN_ISSUER, aud: DEPLOYMENT_AUDIENCE, sub: "owner", groups: [], iat, exp: iat + OWNER_TOKEN_TTL_SECONDS });
}

/** What an agent joins with, `ttlSeconds` long. */
export function createJoinToken(signingKey: string, nowMs: number, ttlSeconds = JOIN_TOKEN_TTL_SECONDS): Promise<string> {
	const iat = secondsOf(nowMs);
	return sign(signingKey, {
		iss: TOKEN_ISSUER,
		aud: CLUSTER,
		sub: `system:bootstrap:${randomHex(JOIN_ID_BYTES)}`,
		groups: [GROUP_JOINING],
		iat,
		exp: iat + ttlSeconds,
	});
}
