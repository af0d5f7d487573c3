/** OIDC discovery of ServiceAccount tokens: others can verify them with what is here. */
import { SERVICE_ACCOUNT_ISSUER } from "../core/protocol/tokens.ts";
import type { FrontDoor } from "./front-door.ts";
import { SIGNING_ALGORITHM, signingKeys } from "./keys.ts";

const CACHE_CONTROL = "public, max-age=3600";
const JWKS_PATH = "/openid/v1/jwks";

export function serveOpenIdConfiguration(c: FrontDoor): Response {
	const url = new URL(c.req.url);
	const root = url.pathname.slice(0, url.pathname.length - c.get("path").length);
	const configuration = {
		issuer: SERVICE_ACCOUNT_ISSUER,
		jwks_uri: `${url.origin}${root}${JWKS_PATH}`,
		response_types_supported: ["id_token"],
		subject_types_supported: ["public"],
		id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
	};
	return new Response(JSON.stringify(configuration), { headers: { "content-type": "application/json", "cache-control": CACHE_CONTROL } });
}

/** The public part alone. */
export async function serveJwks(c: FrontDoor): Promise<Response> {
	const { publicJwk } = await signingKeys(c.env);
	return new Response(JSON.stringify({ keys: [publicJwk] }), { headers: { "content-type": "application/jwk-set+json", "cache-control": CACHE_CONTROL } });
}
