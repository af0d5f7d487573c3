import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { messageProblem, parseWebhookKey, signMessage, TOLERANCE_SECONDS, type WebhookKey } from "./standard-webhooks.ts";

const NOW_MS = 1_800_000_000_000;
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const BODY = '{"name":"ä"}';
const message = { id: "evt_1", timestamp: NOW_MS / 1000, body: BODY };
const bytes = new TextEncoder().encode(BODY);

const headersOf = (signature: string, { id = message.id, timestamp = message.timestamp } = {}): Headers =>
	new Headers({ "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature });
const hmac = (...texts: string[]): WebhookKey[] => texts.map(parseWebhookKey);

function ed25519Pair() {
	const { privateKey } = generateKeyPairSync("ed25519");
	const seed = privateKey.export({ type: "pkcs8", format: "der" }).subarray(-32);
	const point = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-32);
	return { privateKey, seed, signs: `whsk_${seed.toString("base64")}`, verifies: `whpk_${point.toString("base64")}`, point };
}

describe("signatures by HMAC", () => {
	it("are those of the specification's own library", async () => {
		const signed = await signMessage(hmac(SECRET), message);
		expect(signed).toBe(new Webhook(SECRET).sign(message.id, new Date(NOW_MS), BODY));
		expect(signed).toMatch(/^v1,/);
	});

	it("are one for each key, and either is enough", async () => {
		const signed = await signMessage(hmac(SECRET, OTHER), message);
		expect(signed.split(" ")).toHaveLength(2);
		for (const secret of [SECRET, OTHER]) expect(await messageProblem(hmac(secret), headersOf(signed), bytes, NOW_MS)).toBeUndefined();
	});

	it.each([
		["another body", async () => messageProblem(hmac(SECRET), headersOf(await signMessage(hmac(SECRET), message)), bytes.slice(1), NOW_MS)],
		["another id", async () => messageProblem(hmac(SECRET), headersOf(await signMessage(hmac(SECRET), message), { id: "evt_2" }), bytes, NOW_MS)],
		["another key", async () => messageProblem(hmac(OTHER), headersOf(await signMessage(hmac(SECRET), message)), bytes, NOW_MS)],
		["what is no signature", async () => messageProblem(hmac(SECRET), headersOf("v1 v1,%%% v1a,AAAA v2,AAAA"), bytes, NOW_MS)],
	])("refuse %s", async (_, problem) => {
		expect(await problem()).toBe("no signature is of a known key");
	});

	it("hold as long as the specification says, before and after", async () => {
		const headers = headersOf(await signMessage(hmac(SECRET), message));
		const at = (seconds: number) => messageProblem(hmac(SECRET), headers, bytes, NOW_MS + seconds * 1000);
		expect(await at(TOLERANCE_SECONDS)).toBeUndefined();
		expect(await at(-TOLERANCE_SECONDS)).toBeUndefined();
		expect(await at(TOLERANCE_SECONDS + 1)).toBe("webhook-timestamp is too old");
		expect(await at(-TOLERANCE_SECONDS - 1)).toBe("webhook-timestamp is too new");
	});

	it("need all three headers, and a moment that is a number", async () => {
		expect(await messageProblem(hmac(SECRET), new Headers(), bytes, NOW_MS)).toMatch(/are needed$/);
		const headers = new Headers({ "webhook-id": "a", "webhook-timestamp": "soon", "webhook-signature": "v1,AAAA" });
		expect(await messageProblem(hmac(SECRET), headers, bytes, NOW_MS)).toBe("webhook-timestamp is not a number of seconds");
	});
});

describe("signatures by Ed25519", () => {
	it("are verified by another implementation, and by the public key", async () => {
		const { privateKey, signs, verifies } = ed25519Pair();
		const signed = await signMessage(hmac(signs), message);
		expect(signed).toMatch(/^v1a,/);
		const content = Buffer.from(`${message.id}.${message.timestamp}.${BODY}`);
		expect(verify(null, content, createPublicKey(privateKey), Buffer.from(signed.slice(4), "base64"))).toBe(true);
		expect(await messageProblem(hmac(verifies), headersOf(signed), bytes, NOW_MS)).toBeUndefined();
		expect(await messageProblem(hmac(ed25519Pair().verifies), headersOf(signed), bytes, NOW_MS)).toBe("no signature is of a known key");
	});

	it("come with keys of every usual form", async () => {
		const { privateKey, seed, signs, point } = ed25519Pair();
		const expected = await signMessage(hmac(signs), message);
		const withPublic = `whsk_${Buffer.concat([seed, point]).toString("base64")}`;
		const pkcs8 = `whsk_${privateKey.export({ type: "pkcs8", format: "der" }).toString("base64")}`;
		for (const text of [withPublic, pkcs8]) expect(await signMessage(hmac(text), message)).toBe(expected);
	});

	it("stand beside one by HMAC while one takes the other's place", async () => {
		const { signs, verifies } = ed25519Pair();
		const signed = await signMessage(hmac(SECRET, signs), message);
		for (const key of [SECRET, verifies]) expect(await messageProblem(hmac(key), headersOf(signed), bytes, NOW_MS)).toBeUndefined();
	});
});

describe("keys", () => {
	it.each([
		["", "a key begins with whsec_, whsk_ or whpk_"],
		["secret", "a key begins with whsec_, whsk_ or whpk_"],
		["whsec_%%", "the key is not base64"],
		["whsec_AAAA", "a secret has 24 to 64 bytes, this one 3"],
		["whsk_AAAA", "an Ed25519 private key has 32 bytes, or 64 with its public key"],
		["whpk_AAAA", "an Ed25519 public key has 32 bytes"],
	])("that are malformed say so and are not shown: %s", (text, problem) => {
		expect(() => parseWebhookKey(text)).toThrow(problem);
	});

	it("may have spaces around them, as files end with a line end", () => {
		expect(parseWebhookKey(` ${SECRET}\n`)).toEqual(parseWebhookKey(SECRET));
	});
});
