import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { testPod } from "../../test/support/agent-node.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import type { ApiAnswer } from "./control-plane-client.ts";
import { silentLogger } from "./log.ts";
import { ServiceAccountTokens } from "./service-account-token.ts";

const ASKED = { audience: undefined, expirationSeconds: 3600 };
const LIFE_MS = 3_600_000;
const pod = testPod();
const uid = pod.metadata.uid ?? "";

const parent = mkdtempSync(join(tmpdir(), "petrel-tokens-"));
let directory: string;
let clock: FakeClock;
/** What the API answers; undefined when it is away. */
let answer: (() => ApiAnswer) | undefined;

beforeEach(() => {
	directory = mkdtempSync(join(parent, "node-"));
	mkdirSync(join(directory, "pods", uid), { recursive: true });
	clock = new FakeClock();
	let count = 0;
	answer = () => ({ code: 201, body: { status: { token: `token-${++count}`, expirationTimestamp: new Date(clock.nowMs() + LIFE_MS).toISOString() } } });
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

function newTokens(): ServiceAccountTokens {
	const request = async (): Promise<ApiAnswer> => {
		if (answer === undefined) throw new Error("the control plane cannot be reached");
		return answer();
	};
	return new ServiceAccountTokens({ request }, clock, silentLogger, directory);
}

const kept = () => vi.waitUntil(() => readFileSync(join(directory, "service-account-tokens")).length > 0);

it("has a pod's token after a restart without a control plane, and never in the clear on disk", async () => {
	expect(await newTokens().token(pod, ASKED)).toBe("token-1");
	await vi.waitFor(kept);
	expect(readFileSync(join(directory, "service-account-tokens"), "latin1")).not.toContain("token-1");
	answer = undefined;
	expect(await newTokens().token(pod, ASKED)).toBe("token-1");
	await clock.advance(2 * LIFE_MS);
	expect(await newTokens().token(pod, ASKED)).toBe("token-1");
	await expect(newTokens().token(pod, { ...ASKED, audience: "vault" })).rejects.toThrow("the control plane cannot be reached");
});

it("gets a new one when a fifth of its life is left, and keeps the old one when the API refuses only while it is good", async () => {
	const tokens = newTokens();
	expect(await tokens.token(pod, ASKED)).toBe("token-1");
	await clock.advance(LIFE_MS * 0.8);
	expect(await tokens.token(pod, ASKED)).toBe("token-2");
	answer = () => ({ code: 403, body: { message: "forbidden" } });
	await clock.advance(LIFE_MS * 0.9);
	expect(await tokens.token(pod, ASKED)).toBe("token-2");
	await clock.advance(LIFE_MS * 0.2);
	await expect(tokens.token(pod, ASKED)).rejects.toThrow("failed to fetch token: forbidden");
});

it("forgets tokens of pods that are gone, also of those that went while no agent ran", async () => {
	const tokens = newTokens();
	await tokens.token(pod, ASKED);
	await vi.waitFor(kept);
	rmSync(join(directory, "pods", uid), { recursive: true });
	expect(await newTokens().token(pod, ASKED)).toBe("token-2");
	tokens.forget(uid);
	expect(await tokens.token(pod, ASKED)).toBe("token-3");
});
