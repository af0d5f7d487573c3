/** Keys for the tests alone: what they seal is good nowhere else. */
import { Envelope } from "../../src/objects/envelope.ts";
import { type Keyring, keyringOf } from "../../src/objects/keyring.ts";
import type { Seal } from "../../src/store/seal.ts";
import type { Sql } from "../../src/store/sql.ts";

/** A JWK Set with a key for each of these names. */
export function testEncryptionKeys(...kids: string[]): string {
	return JSON.stringify({
		keys: kids.map((kid) => ({ kty: "oct", kid, k: btoa(kid.padEnd(32, "-").slice(0, 32)).replaceAll("+", "-").replaceAll("/", "_") })),
	});
}

export const testKeyring = (...kids: string[]): Keyring => keyringOf(testEncryptionKeys(...kids));
export const testSeal = (sql: Sql): Seal => new Envelope(sql, testKeyring("test"));
