import { generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	DIGEST_A,
	dockerHub,
	github,
	githubPackage,
	githubPullRequest,
	gitlab,
	gitlabMergeRequest,
	harbor,
	harborCloudEvent,
	registry,
	type SentWebhook,
	slackLike,
	standardWebhook,
} from "../../../../../test/support/webhook-senders.ts";
import type { Json } from "../../../meta/object.ts";
import { constantTimeEqual } from "../../../codec/constant-time.ts";
import type { SenderType } from "../receiver.ts";
import { bytesOf, type Incoming, SenderRefused, type VerifyContext } from "../sender.ts";
import { SENDERS } from "./senders.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const AT = new Date(NOW_MS);
const SECRET = "it's a Secret to Everybody";
const KEY = `whsec_${btoa("k".repeat(32))}`;
const PUSHED = "2026-01-01T00:00:00Z";

const incoming = ({ headers, body }: SentWebhook, urlSecret = ""): Incoming => ({ headers, body: bytesOf(body), urlSecret });
const context = (secrets: string[], hmac?: VerifyContext["hmac"]): VerifyContext => ({ secrets: secrets.map(bytesOf), nowMs: NOW_MS, hmac });
const SLACK = { header: "X-Slack-Signature", prefix: "v0=", content: "v0:{timestamp}:{body}", timestampHeader: "X-Slack-Request-Timestamp" };

/** A genuine request of each sender. */
const GENUINE: Readonly<Record<SenderType, { request: Incoming; secret: string; hmac?: VerifyContext["hmac"] }>> = {
	GitHub: { request: incoming(github(SECRET, "package", githubPackage("main", DIGEST_A, PUSHED))), secret: SECRET },
	GitLab: { request: incoming(gitlab(SECRET, gitlabMergeRequest("open", 1, PUSHED))), secret: SECRET },
	DockerHub: { request: incoming(dockerHub("octo/app", "main", 1), SECRET), secret: SECRET },
	Registry: { request: incoming(registry(`Bearer ${SECRET}`, DIGEST_A, PUSHED)), secret: SECRET },
	Harbor: { request: incoming(harbor(SECRET, DIGEST_A, 1)), secret: SECRET },
	HMAC: { request: incoming(slackLike(SECRET, { type: "x" }, NOW_MS / 1000)), secret: SECRET, hmac: SLACK },
	StandardWebhooks: { request: incoming(standardWebhook(KEY, { type: "x" }, AT)), secret: KEY },
};
const types = Object.keys(GENUINE) as SenderType[];

const isTaken = (type: SenderType, request: Incoming, verify: VerifyContext): Promise<boolean> =>
	SENDERS[type].verify(request, verify).then(
		() => true,
		(error: unknown) => {
			if (error instanceof SenderRefused) return false;
			throw error;
		},
	);

describe("every sender's verification", () => {
	for (const type of types) {
		const { request, secret, hmac } = GENUINE[type];
		it(`${type}: takes what is genuine, by either of two secrets`, async () => {
			expect(await isTaken(type, request, context([secret], hmac))).toBe(true);
			expect(await isTaken(type, request, context(["another", secret], hmac))).toBe(true);
			expect(await isTaken(type, request, context([], hmac))).toBe(false);
		});

		it(`${type}: takes it by no other secret`, async () => {
			await fc.assert(
				fc.asyncProperty(fc.string(), async (other) => {
					fc.pre(other !== secret);
					expect(await isTaken(type, request, context([other], hmac))).toBe(false);
				}),
				{ numRuns: 50 },
			);
		});

		it(`${type}: takes no headers that were made up, and never fails on them`, async () => {
			const names = [...Object.keys(request.headers), "webhook-id", "authorization", "x-gitlab-token"];
			const headers = fc.dictionary(
				fc.constantFrom(...names),
				fc.oneof(
					fc.string(),
					fc.base64String(),
					fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("hex")),
					fc.string().map((text) => `sha256=${text}`),
				),
			);
			await fc.assert(
				fc.asyncProperty(headers, fc.string(), async (made, urlSecret) => {
					fc.pre(!Object.values(made).includes(secret) && urlSecret !== secret);
					expect(await isTaken(type, { ...request, headers: made, urlSecret }, context([secret], hmac))).toBe(false);
				}),
				{ numRuns: 100 },
			);
		});
	}

	for (const type of ["GitHub", "HMAC", "StandardWebhooks"] as const)
		it(`${type}: takes no body that was changed by a bit`, async () => {
			const { request, secret, hmac } = GENUINE[type];
			await fc.assert(
				fc.asyncProperty(fc.nat(request.body.length - 1), fc.nat(7), async (at, bit) => {
					const body = Uint8Array.from(request.body);
					body[at] = (body[at] as number) ^ (1 << bit);
					expect(await isTaken(type, { ...request, body }, context([secret], hmac))).toBe(false);
				}),
				{ numRuns: 100 },
			);
		});
});

describe("what requests say", () => {
	const payloads: fc.Arbitrary<Json> = fc.jsonValue() as fc.Arbitrary<Json>;
	for (const type of types)
		it(`${type}: reads any JSON, or refuses it`, () => {
			fc.assert(
				fc.property(payloads, fc.constantFrom("package", "pull_request", "ping", ""), (payload, event) => {
					try {
						expect(SENDERS[type].read(payload, { "x-github-event": event }, { id: "1" }).events.length).toBeLessThanOrEqual(100);
					} catch (error) {
						expect(error).toBeInstanceOf(SenderRefused);
					}
				}),
			);
		});

	const read = (type: SenderType, { headers, body }: SentWebhook) => SENDERS[type].read(JSON.parse(body) as Json, headers, { id: "1" }).events;

	it("names the image, whoever tells of it", () => {
		const image = (repository: string, digest = DIGEST_A) => [
			expect.objectContaining({ timeMs: expect.any(Number), image: { repository, tag: "main", digest } }),
		];
		expect(read("GitHub", github(SECRET, "package", githubPackage("main", DIGEST_A, PUSHED)))).toEqual(image("ghcr.io/octo/app"));
		expect(read("Registry", registry(SECRET, DIGEST_A, PUSHED))).toEqual(image("registry.example.com/octo/app"));
		expect(read("Harbor", harbor(SECRET, DIGEST_A, 1))).toEqual(image("harbor.example.com/octo/app"));
		expect(read("Harbor", harborCloudEvent(SECRET, DIGEST_A, PUSHED))).toEqual(image("harbor.example.com/octo/app"));
		expect(read("DockerHub", dockerHub("nginx", "main", 1))).toEqual(image("docker.io/library/nginx", ""));
	});

	it("passes over the layers of a push", () => {
		const webhook = registry(SECRET, DIGEST_A, PUSHED);
		const layer = webhook.body.replace("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip");
		expect(read("Registry", { ...webhook, body: layer })).toEqual([expect.not.objectContaining({ image: expect.anything() })]);
	});

	it("names the pull request, whoever tells of it", () => {
		expect(read("GitHub", github(SECRET, "pull_request", githubPullRequest("synchronize", 2, PUSHED)))[0]?.pullRequest).toMatchObject({
			number: 2,
			action: "updated",
			branch: "changes",
		});
		expect(read("GitLab", gitlab(SECRET, gitlabMergeRequest("merge", 1, PUSHED)))[0]?.pullRequest).toMatchObject({
			number: 1,
			action: "closed",
			branch: "ms-viewport",
		});
	});

	it("is not believed of Docker Hub with another's callback", () => {
		const webhook = dockerHub("octo/app", "main", 1);
		const body = webhook.body.replace("registry.hub.docker.com/u/svendowideit/testhook", "evil.example.com/u");
		expect(() => read("DockerHub", { ...webhook, body })).toThrow("callback_url is not one of Docker Hub's");
	});
});

describe("Standard Webhooks", () => {
	it("takes Ed25519 signatures by the public key", async () => {
		const { privateKey, publicKey } = generateKeyPairSync("ed25519");
		const body = JSON.stringify({ type: "x" });
		const signature = sign(null, Buffer.from(`msg_1.${NOW_MS / 1000}.${body}`), privateKey).toString("base64");
		const headers = { "webhook-id": "msg_1", "webhook-timestamp": String(NOW_MS / 1000), "webhook-signature": `v1,AAAA v1a,${signature}` };
		const point = Buffer.from((publicKey.export({ format: "jwk" }) as { x: string }).x, "base64url").toString("base64");
		expect(await isTaken("StandardWebhooks", incoming({ headers, body }), context([`whpk_${point}`]))).toBe(true);
	});

	it("takes a GitLab webhook that has a signing token", async () => {
		expect(await isTaken("GitLab", incoming(standardWebhook(KEY, gitlabMergeRequest("open", 1, PUSHED), AT)), context([KEY]))).toBe(true);
	});

	it("refuses what is older than five minutes", async () => {
		const old = new Date(NOW_MS - 301_000);
		expect(await isTaken("StandardWebhooks", incoming(standardWebhook(KEY, {}, old)), context([KEY]))).toBe(false);
	});
});

it("constantTimeEqual says what a comparison says", () => {
	const bytes = fc.uint8Array({ maxLength: 4, max: 2 });
	fc.assert(fc.property(bytes, bytes, (a, b) => constantTimeEqual(a, b) === (Buffer.compare(a, b) === 0)));
});
