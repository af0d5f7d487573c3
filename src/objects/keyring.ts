/** The deployment's keys for encryption at rest: a JWK Set of 256-bit keys. The first one seals; the others still open. */

const KEY_BYTES = 32;
/** More keys than this are a rotation that never ended. */
const KEYS_MAX = 16;

export interface KeyringKey {
	kid: string;
	key: Uint8Array;
}

export interface Keyring {
	/** Never empty. */
	readonly keys: readonly KeyringKey[];
}

interface OctJwk {
	kty?: unknown;
	kid?: unknown;
	k?: unknown;
}

const SETTING = "PETREL_ENCRYPTION_KEYS";

function keyOf({ kty, kid, k }: OctJwk): KeyringKey {
	if (kty !== "oct" || typeof kid !== "string" || !/^[\w-]{1,64}$/.test(kid) || typeof k !== "string")
		throw new Error(`${SETTING}: each key must be of kty "oct" and have a kid and k`);
	const key = Uint8Array.from(atob(k.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
	if (key.length !== KEY_BYTES) throw new Error(`${SETTING}: key ${kid} is not of ${KEY_BYTES} bytes`);
	return { kid, key };
}

let parsed: { text: string; keyring: Keyring } | undefined;

/** Parsed once an isolate. Throws for a text that holds no usable keys. */
export function keyringOf(text: string | undefined): Keyring {
	if (text !== undefined && parsed?.text === text) return parsed.keyring;
	const { keys } = JSON.parse(text || "{}") as { keys?: OctJwk[] };
	if (!Array.isArray(keys) || keys.length === 0 || keys.length > KEYS_MAX) throw new Error(`${SETTING} must be a JWK Set of 1 to ${KEYS_MAX} keys`);
	const keyring = { keys: keys.map(keyOf) };
	parsed = { text: text ?? "", keyring };
	return keyring;
}
