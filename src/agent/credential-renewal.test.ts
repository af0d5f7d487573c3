import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock, until } from "../../test/support/fake-clock.ts";
import type { JoinResponse } from "../core/protocol/agent-protocol.ts";
import { CredentialRenewal, RENEWAL_RETRY_MS } from "./credential-renewal.ts";
import { silentLogger } from "./log.ts";

const LIFE_SECONDS = 1_000;
let directory: string;
let clock: FakeClock;
let answer: { code: number; body: unknown };
let asked: unknown[];
let used: string[];

beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "petrel-renewal-"));
	clock = new FakeClock();
	asked = [];
	used = [];
	answer = { code: 200, body: { version: 1, credential: "second", credentialSeconds: LIFE_SECONDS } };
});
afterEach(() => rm(directory, { recursive: true }));

/** `life` undefined: joined at a time when credentials had no end. */
function renewal(life: number | undefined): CredentialRenewal {
	const cluster = { version: 1, credential: "first", ...(life === undefined ? {} : { credentialSeconds: life }) } as JoinResponse;
	return new CredentialRenewal({
		client: {
			request: async (method, path, body) => {
				asked.push(`${method} ${path} ${JSON.stringify(body)}`);
				return answer;
			},
			useCredential: (credential) => void used.push(credential),
		},
		clock,
		log: silentLogger,
		dataDirectory: directory,
		instanceId: "i",
		membership: { server: "https://x", nodeName: "n1", cluster, ...(life === undefined ? {} : { credentialAtMs: clock.nowMs() }) },
	});
}

const saved = async () => JSON.parse(await readFile(join(directory, "membership.json"), "utf8")) as { cluster: JoinResponse; credentialAtMs: number };

describe("the node's credential", () => {
	it("is renewed when four fifths of its life are over, and kept", async () => {
		const { start, stop } = bound(renewal(LIFE_SECONDS));
		start();
		await clock.advance(LIFE_SECONDS * 800 - 1);
		expect(asked).toEqual([]);
		await clock.advance(1);
		await until(() => used.length === 1);
		expect(asked).toEqual(['POST /agent/v1/nodes/n1/credential {"version":1,"instanceId":"i"}']);
		expect(await saved()).toMatchObject({ cluster: { credential: "second" }, credentialAtMs: clock.nowMs() });
		stop();
	});

	it("is asked for again when the control plane is away", async () => {
		answer = { code: 503, body: { message: "away" } };
		const { start, stop } = bound(renewal(LIFE_SECONDS));
		start();
		await clock.advance(LIFE_SECONDS * 800);
		await until(() => asked.length === 1);
		answer = { code: 200, body: { version: 1, credential: "third", credentialSeconds: LIFE_SECONDS } };
		await clock.advance(RENEWAL_RETRY_MS);
		await until(() => used.includes("third"));
		stop();
	});

	it("that has no end is changed for one that has, and kept where the control plane knows none", async () => {
		const first = bound(renewal(undefined));
		first.start();
		await clock.advance(0);
		await until(() => used.length === 1);
		first.stop();
		answer = { code: 404, body: {} };
		const second = bound(renewal(undefined));
		second.start();
		await clock.advance(0);
		await until(() => asked.length === 2);
		await clock.advance(30 * 86_400_000);
		expect(asked).toHaveLength(2);
		second.stop();
	});
});

const bound = (one: CredentialRenewal) => ({ start: () => one.start(), stop: () => one.stop() });
