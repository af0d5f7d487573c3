/** Tokens of others' issuers: found by discovery, verified by their keys, turned into users by the cluster's authentication configuration. */
import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import { type AuthenticationConfiguration, type JwtAuthenticator, readAuthenticationConfiguration } from "../core/authn/authentication-configuration.ts";
import { ClaimsRefused, type ClaimsMapping, compileClaimsMapping } from "../core/authn/claims-mapping.ts";
import type { UserInfo } from "../core/api/request.ts";
import type { JsonObject } from "../core/meta/object.ts";

/** As kube-apiserver: the asymmetric algorithms of RFC 7518. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"];
const DISCOVERY_TIMEOUT_MS = 5_000;
/** What an issuer said of itself is believed this long, in milliseconds; its keys are asked for again for an unknown key id. */
const DISCOVERY_STALE_MS = 10 * 60_000;
const ISSUERS_MAX = 1_000;
/** Configurations that an isolate keeps compiled. */
const CONFIGURATIONS_MAX = 256;
const WELL_KNOWN = "/.well-known/openid-configuration";

interface Authenticator {
	issuer: JwtAuthenticator["issuer"];
	map: ClaimsMapping;
}

export interface Authentication {
	byIssuer: ReadonlyMap<string, Authenticator>;
	anonymous: AuthenticationConfiguration["anonymous"];
}

const NONE: Authentication = { byIssuer: new Map(), anonymous: undefined };
const read = new Map<string, Authentication>();
const issuers = new Map<string, { keys: Promise<JWTVerifyGetKey>; untilMs: number }>();

/** Throws when the text cannot be used: like kube-apiserver, nobody is let in by rules that were not understood. */
export function authenticationOf(text: string): Authentication {
	if (text === "") return NONE;
	const before = read.get(text);
	if (before) return before;
	const configuration = readAuthenticationConfiguration(JSON.parse(text));
	const byIssuer = new Map(
		(configuration.jwt ?? []).map((authenticator) => [authenticator.issuer.url, { issuer: authenticator.issuer, map: compileClaimsMapping(authenticator) }]),
	);
	const authentication = { byIssuer, anonymous: configuration.anonymous };
	if (read.size >= CONFIGURATIONS_MAX) read.clear();
	read.set(text, authentication);
	return authentication;
}

async function discover({ url, discoveryURL }: JwtAuthenticator["issuer"]): Promise<JWTVerifyGetKey> {
	const response = await fetch(discoveryURL ?? url.replace(/\/$/, "") + WELL_KNOWN, {
		signal: AbortSignal.timeout(DISCOVERY_TIMEOUT_MS),
		headers: { accept: "application/json" },
	});
	if (!response.ok) throw new Error(`the issuer ${url} answered discovery with ${response.status}`);
	const { issuer, jwks_uri: keysUrl } = await response.json<{ issuer?: string; jwks_uri?: string }>();
	if (issuer !== url) throw new Error(`the issuer ${url} calls itself ${JSON.stringify(issuer)}`);
	if (!keysUrl?.startsWith("https://")) throw new Error(`the issuer ${url} names no https address of its keys`);
	return createRemoteJWKSet(new URL(keysUrl), { timeoutDuration: DISCOVERY_TIMEOUT_MS });
}

/** Discovered once a while; a failure is not remembered. */
function keysOf(issuer: JwtAuthenticator["issuer"], nowMs: number): Promise<JWTVerifyGetKey> {
	const name = `${issuer.url}\n${issuer.discoveryURL ?? ""}`;
	const before = issuers.get(name);
	if (before && before.untilMs > nowMs) return before.keys;
	const keys = discover(issuer);
	if (issuers.size >= ISSUERS_MAX) issuers.clear();
	issuers.set(name, { keys, untilMs: nowMs + DISCOVERY_STALE_MS });
	keys.catch(() => issuers.delete(name));
	return keys;
}

export type IssuedVerdict = { ok: true; user: UserInfo; expiresAtMs: number } | { ok: false; why: string };

/** `issuer` is what the unverified token says. */
export async function verifyIssued(authentication: Authentication, issuer: string, token: string, nowMs: number): Promise<IssuedVerdict> {
	const authenticator = authentication.byIssuer.get(issuer);
	if (authenticator === undefined) return { ok: false, why: "unknown token issuer" };
	try {
		const keys = await keysOf(authenticator.issuer, nowMs);
		const { payload } = await jwtVerify(token, keys, {
			issuer,
			audience: authenticator.issuer.audiences,
			algorithms: ALGORITHMS,
			requiredClaims: ["exp"],
			currentDate: new Date(nowMs),
		});
		return { ok: true, user: authenticator.map(payload as JsonObject), expiresAtMs: (payload.exp ?? 0) * 1000 };
	} catch (cause) {
		if (cause instanceof errors.JOSEError || cause instanceof ClaimsRefused) return { ok: false, why: cause.message };
		// An issuer that cannot be asked keeps its users out, and nobody else.
		console.error(JSON.stringify({ level: "error", message: "an issuer could not be asked for its keys", issuer, cause: String(cause) }));
		return { ok: false, why: "the issuer's keys cannot be had" };
	}
}
