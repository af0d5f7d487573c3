/** The secrets of a TLS 1.3 connection (RFC 8446, section 7). */
import { createHash, createHmac } from "node:crypto";
import { concat, uint, vector } from "./tls-bytes.ts";

const encoder = new TextEncoder();
const NONCE_LENGTH = 12;

export interface CipherSuite {
	id: number;
	hash: "sha256" | "sha384";
	hashLength: number;
	cipher: "aes-128-gcm" | "aes-256-gcm";
	keyLength: number;
}

export const CIPHER_SUITES: readonly CipherSuite[] = [
	{ id: 0x1301, hash: "sha256", hashLength: 32, cipher: "aes-128-gcm", keyLength: 16 },
	{ id: 0x1302, hash: "sha384", hashLength: 48, cipher: "aes-256-gcm", keyLength: 32 },
];

export interface TrafficKeys {
	suite: CipherSuite;
	secret: Uint8Array;
	key: Uint8Array;
	iv: Uint8Array;
}

export class KeySchedule {
	readonly suite: CipherSuite;
	#secret: Uint8Array;

	/** Before the handshake's shared secret is known. */
	constructor(suite: CipherSuite) {
		this.suite = suite;
		const zeros = new Uint8Array(suite.hashLength);
		this.#secret = this.hmac(zeros, zeros);
	}

	hmac(key: Uint8Array, data: Uint8Array): Uint8Array {
		return new Uint8Array(createHmac(this.suite.hash, key).update(data).digest());
	}

	digest(data: Uint8Array): Uint8Array {
		return new Uint8Array(createHash(this.suite.hash).update(data).digest());
	}

	/** HKDF-Expand-Label; no output here is longer than one block of the hash. */
	expand(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
		const info = concat(uint(length, 2), vector(1, encoder.encode(`tls13 ${label}`)), vector(1, context));
		return this.hmac(secret, concat(info, Uint8Array.of(1))).subarray(0, length);
	}

	/** Goes on to the next stage: with the shared secret, then with nothing for the master secret. */
	advance(input: Uint8Array = new Uint8Array(this.suite.hashLength)): void {
		this.#secret = this.hmac(this.expand(this.#secret, "derived", this.digest(new Uint8Array()), this.suite.hashLength), input);
	}

	/** The secret of one direction's traffic in the present stage. `transcript` is all messages so far. */
	traffic(label: string, transcript: Uint8Array): TrafficKeys {
		return this.keysOf(this.expand(this.#secret, label, this.digest(transcript), this.suite.hashLength));
	}

	keysOf(secret: Uint8Array): TrafficKeys {
		const none = new Uint8Array();
		const key = this.expand(secret, "key", none, this.suite.keyLength);
		return { suite: this.suite, secret, key, iv: this.expand(secret, "iv", none, NONCE_LENGTH) };
	}

	/** The keys after a KeyUpdate. */
	next({ secret }: TrafficKeys): TrafficKeys {
		return this.keysOf(this.expand(secret, "traffic upd", new Uint8Array(), this.suite.hashLength));
	}

	/** What a Finished message holds. */
	finished({ secret }: TrafficKeys, transcript: Uint8Array): Uint8Array {
		return this.hmac(this.expand(secret, "finished", new Uint8Array(), this.suite.hashLength), this.digest(transcript));
	}
}
