/**
 * Signatures as the Standard Webhooks specification (1.0) has them: over id, moment and body, by HMAC-SHA256 (`v1`) or Ed25519
 * (`v1a`). Several signatures stand in one header, separated by spaces: that is how a key replaces another.
 */
import { base64ToBytes, bytesToBase64 } from "../codec/base64.ts";

export const ID_HEADER = "webhook-id";
export const TIMESTAMP_HEADER = "webhook-timestamp";
export const SIGNATURE_HEADER = "webhook-signature";

/** How far a message's moment may be from the receiver's clock, in seconds: what the specification's own libraries allow. */
export const TOLERANCE_SECONDS = 300;
/** Signatures of one header that are looked at. */
const SIGNATURES_MAX = 16;
/** The specification's bounds of a symmetric secret, in bytes. */
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;
const SEED_BYTES = 32;
/** DER of a PKCS #8 PrivateKeyInfo of Ed25519, up to its seed (RFC 8410). */
const PKCS8_HEAD = Uint8Array.from([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]);
const ED25519 = "Ed25519";
const HMAC = { name: "HMAC", hash: "SHA-256" };

/** A key by its text: `whsec_` (HMAC), `whsk_` (Ed25519, signs) or `whpk_` (Ed25519, verifies), then base64. */
export type WebhookKey = { type: "hmac"; secret: Uint8Array } | { type: "ed25519-private"; seed: Uint8Array } | { type: "ed25519-public"; point: Uint8Array };

/** What is signed. */
export interface SignedMessage {
	id: string;
	/** Seconds since 1970. */
	timestamp: number;
	body: string | Uint8Array;
}

const encoder = new TextEncoder();

function bytesOf(text: string): Uint8Array {
	try {
		return base64ToBytes(text.trim());
	} catch {
		throw new Error("the key is not base64");
	}
}

/** The seed of a private key: alone, before its public key, or within PKCS #8. */
function seedOf(bytes: Uint8Array): Uint8Array {
	if (bytes.length === SEED_BYTES || bytes.length === 2 * SEED_BYTES) return bytes.slice(0, SEED_BYTES);
	if (bytes.length === PKCS8_HEAD.length + SEED_BYTES && PKCS8_HEAD.every((byte, at) => bytes[at] === byte)) return bytes.slice(PKCS8_HEAD.length);
	throw new Error(`an Ed25519 private key has ${SEED_BYTES} bytes, or ${2 * SEED_BYTES} with its public key`);
}

/** Throws an Error whose message says what is wrong with the text; it never shows the text. */
export function parseWebhookKey(text: string): WebhookKey {
	const [, prefix = "", encoded = ""] = /^\s*(whsec_|whsk_|whpk_)(\S*)\s*$/.exec(text) ?? [];
	if (prefix === "") throw new Error("a key begins with whsec_, whsk_ or whpk_");
	const bytes = bytesOf(encoded);
	if (prefix === "whsk_") return { type: "ed25519-private", seed: seedOf(bytes) };
	if (prefix === "whpk_") {
		if (bytes.length !== SEED_BYTES) throw new Error(`an Ed25519 public key has ${SEED_BYTES} bytes`);
		return { type: "ed25519-public", point: bytes };
	}
	if (bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX)
		throw new Error(`a secret has ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes, this one ${bytes.length}`);
	return { type: "hmac", secret: bytes };
}

function contentOf({ id, timestamp, body }: SignedMessage): Uint8Array<ArrayBuffer> {
	const head = encoder.encode(`${id}.${timestamp}.`);
	const rest = typeof body === "string" ? encoder.encode(body) : body;
	const content = new Uint8Array(head.length + rest.length);
	content.set(head);
	content.set(rest, head.length);
	return content;
}

const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

async function privateKey(seed: Uint8Array): Promise<CryptoKey> {
	const pkcs8 = new Uint8Array(PKCS8_HEAD.length + SEED_BYTES);
	pkcs8.set(PKCS8_HEAD);
	pkcs8.set(seed, PKCS8_HEAD.length);
	return crypto.subtle.importKey("pkcs8", pkcs8, ED25519, false, ["sign"]);
}

async function signature(key: WebhookKey, content: Uint8Array<ArrayBuffer>): Promise<string> {
	if (key.type === "ed25519-public") throw new Error("a public key signs nothing");
	if (key.type === "ed25519-private") {
		const signed = await crypto.subtle.sign(ED25519, await privateKey(key.seed), content);
		return `v1a,${bytesToBase64(new Uint8Array(signed))}`;
	}
	const secret = await crypto.subtle.importKey("raw", owned(key.secret), HMAC, false, ["sign"]);
	return `v1,${bytesToBase64(new Uint8Array(await crypto.subtle.sign(HMAC.name, secret, content)))}`;
}

/** The value of the signature header: one signature for each key. */
export async function signMessage(keys: readonly WebhookKey[], message: SignedMessage): Promise<string> {
	const content = contentOf(message);
	return (await Promise.all(keys.map((key) => signature(key, content)))).join(" ");
}

/** Compares in constant time, as WebCrypto does. */
async function isSignedBy(key: WebhookKey, scheme: string, signed: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<boolean> {
	if (key.type === "hmac") {
		if (scheme !== "v1") return false;
		return crypto.subtle.verify(HMAC.name, await crypto.subtle.importKey("raw", owned(key.secret), HMAC, false, ["verify"]), signed, content);
	}
	if (scheme !== "v1a" || key.type !== "ed25519-public") return false;
	return crypto.subtle.verify(ED25519, await crypto.subtle.importKey("raw", owned(key.point), ED25519, false, ["verify"]), signed, content);
}

/** The signatures of a header; what is no base64 is none. */
function signaturesOf(header: string): { scheme: string; signed: Uint8Array<ArrayBuffer> }[] {
	return header
		.split(" ")
		.slice(0, SIGNATURES_MAX)
		.flatMap((entry) => {
			const comma = entry.indexOf(",");
			try {
				return comma < 0 ? [] : [{ scheme: entry.slice(0, comma), signed: owned(base64ToBytes(entry.slice(comma + 1))) }];
			} catch {
				return [];
			}
		});
}

/**
 * Whether one of the keys signed what came with these headers. Undefined when one did, else why it is refused. A repeated id is
 * the caller's to notice.
 */
export async function messageProblem(
	keys: readonly WebhookKey[],
	headers: { get(name: string): string | null },
	body: Uint8Array,
	nowMs: number,
): Promise<string | undefined> {
	const id = headers.get(ID_HEADER) ?? "";
	const moment = headers.get(TIMESTAMP_HEADER) ?? "";
	const signatures = headers.get(SIGNATURE_HEADER) ?? "";
	if (id === "" || moment === "" || signatures === "") return `the headers ${ID_HEADER}, ${TIMESTAMP_HEADER} and ${SIGNATURE_HEADER} are needed`;
	if (!/^\d{1,12}$/.test(moment)) return `${TIMESTAMP_HEADER} is not a number of seconds`;
	const timestamp = Number(moment);
	const ageSeconds = nowMs / 1000 - timestamp;
	if (Math.abs(ageSeconds) > TOLERANCE_SECONDS) return `${TIMESTAMP_HEADER} is too ${ageSeconds > 0 ? "old" : "new"}`;
	const content = contentOf({ id, timestamp, body });
	for (const { scheme, signed } of signaturesOf(signatures)) for (const key of keys) if (await isSignedBy(key, scheme, signed, content)) return undefined;
	return "no signature is of a known key";
}
