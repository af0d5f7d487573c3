/** The keys that Secrets are sealed with at rest, as the JWK Set that PETREL_ENCRYPTION_KEYS holds: the first one seals, all of them open. */
import { CliError } from "./cli-error.ts";

const KEY_BYTES = 32;
const KEY_ID_BYTES = 8;

interface Jwk {
	kty: "oct";
	kid: string;
	/** base64url. */
	k: string;
}

const random = (bytes: number): Buffer => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes)));
const newKey = (): Jwk => ({ kty: "oct", kid: random(KEY_ID_BYTES).toString("hex"), k: random(KEY_BYTES).toString("base64url") });

function parse(text: string): Jwk[] {
	try {
		const { keys } = JSON.parse(text) as { keys: Jwk[] };
		if (keys.length > 0 && keys.every(({ kty, kid, k }) => kty === "oct" && kid && Buffer.from(k, "base64url").length === KEY_BYTES)) return keys;
	} catch {
		// Told below, as any other text that is no JWK Set.
	}
	throw new CliError("The encryption keys are damaged.", "Restore encryption-keys.json from a copy: what they sealed cannot be read without them.");
}

export const createEncryptionKeys = (): string => JSON.stringify({ keys: [newKey()] });

/** With a new first key. */
export const rotateEncryptionKeys = (text: string): string => JSON.stringify({ keys: [newKey(), ...parse(text)] });

/** With the first key alone. */
export const pruneEncryptionKeys = (text: string): string => JSON.stringify({ keys: parse(text).slice(0, 1) });

export const encryptionKeyIds = (text: string): string[] => parse(text).map(({ kid }) => kid);
