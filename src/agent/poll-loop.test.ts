import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testPod } from "../../test/support/agent-node.ts";
import { until } from "../../test/support/fake-clock.ts";
import { FakeControlPlane } from "../../test/support/fake-control-plane.ts";
import { systemClock } from "./clock.ts";
import { ControlPlaneClient } from "./control-plane-client.ts";
import { type DesiredChange, DesiredState } from "./desired-state.ts";
import { silentLogger } from "./log.ts";
import { PollLoop } from "./poll-loop.ts";
import { RetryDelay } from "./retry-delay.ts";

const SILENCE_MS = 150;
let plane: FakeControlPlane;
let directory: string;
let loop: PollLoop;
let state: DesiredState;
let client: ControlPlaneClient;
const changes: DesiredChange[] = [];
const commands: string[] = [];

beforeEach(async () => {
	plane = await FakeControlPlane.start();
	directory = await mkdtemp(join(tmpdir(), "petrel-poll-"));
	state = new DesiredState(directory);
	client = new ControlPlaneClient(plane.url, "node-credential", undefined);
	changes.length = 0;
	commands.length = 0;
	loop = new PollLoop({
		client,
		clock: systemClock,
		log: silentLogger,
		retry: new RetryDelay(() => 0, 2, 10),
		state,
		nodeName: "node-1",
		instanceId: "i",
		bootId: "b",
		silenceMs: SILENCE_MS,
		onChange: (change) => void changes.push(change),
		onCommand: (command) => void commands.push(command.id),
		hasPods: () => state.pods.length > 0,
	});
	loop.start();
});
afterEach(async () => {
	await loop.stop();
	client.close();
	await plane.stop();
	await rm(directory, { recursive: true, force: true });
});

describe("the held poll", () => {
	it("is cut and made anew when nothing is heard, with the same cursor", async () => {
		const silent = await plane.poll();
		await until(() => silent.closed);
		expect((await plane.poll()).request).toMatchObject({ cursor: 0 });
	});

	it("lives as long as heartbeats come", async () => {
		const poll = await plane.poll();
		const timer = setInterval(() => poll.heartbeat(), SILENCE_MS / 5);
		await new Promise((resolve) => setTimeout(resolve, SILENCE_MS * 2));
		clearInterval(timer);
		expect(poll.closed).toBe(false);
		expect(plane.held).toHaveLength(1);
		poll.answer({ full: true, cursor: 4, pods: [testPod()] });
		await until(() => changes.length === 1);
		expect(state.cursor).toBe(4);
	});

	it("is only one at a time, beside the reports", async () => {
		await plane.poll();
		await loop.report({ stopped: [{ namespace: "default", name: "web", uid: "u" }] });
		expect(plane.reports[0]).toMatchObject({ stopped: [{ uid: "u" }] });
		expect(plane.held).toHaveLength(1);
	});

	it("carries commands", async () => {
		const request = { kind: "portforward", subprotocol: "" } as const;
		(await plane.poll()).answer({ commands: [{ type: "session", id: "s1", pod: { namespace: "a", name: "b", uid: "c" }, container: "", request }] });
		await until(() => commands.length === 1);
		expect(commands).toEqual(["s1"]);
	});

	it("has taken in what its cursor says even when an answer is repeated", async () => {
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
		(await plane.poll()).answer({ cursor: 2, removed: [{ namespace: "default", name: "web", uid: "uid-web" }] });
		(await plane.poll()).answer({ cursor: 2, removed: [{ namespace: "default", name: "web", uid: "uid-web" }] });
		await until(() => changes.length === 3);
		expect(state.pods).toEqual([]);
	});
});

describe("the desired state", () => {
	it("comes back from disk as it was", async () => {
		const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name: "settings" }, data: { a: "b" } };
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()], configMaps: [configMap] });
		await until(() => changes.length === 1);
		const again = new DesiredState(directory);
		expect(await again.load()).toBe(true);
		expect(again.pods).toEqual([testPod()]);
		expect(again.configMap("default", "settings")?.data).toEqual({ a: "b" });
		expect(again.cursor).toBe(0);
	});

	it("tells nothing of its Secrets without the key, and reads what was written before it was sealed", async () => {
		const secret = { apiVersion: "v1", kind: "Secret", metadata: { namespace: "default", name: "s" }, data: { password: "aHVudGVyMg==" } };
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()], secrets: [secret] });
		await until(() => changes.length === 1);
		const path = join(directory, "desired-state.json");
		const content = await readFile(path);
		expect(content.toString("latin1")).not.toContain("aHVudGVyMg==");
		const copy = await mkdtemp(join(tmpdir(), "petrel-copy-"));
		await writeFile(join(copy, "desired-state.json"), content);
		expect(await new DesiredState(copy).load()).toBe(false);
		await writeFile(join(copy, "desired-state.json"), JSON.stringify({ version: 1, pods: [testPod()], secrets: [secret] }));
		const plain = new DesiredState(copy);
		expect(await plain.load()).toBe(true);
		expect(plain.secret("default", "s")?.data).toEqual(secret.data);
		await rm(copy, { recursive: true });
	});

	it("that is half a file counts as none", async () => {
		await writeFile(join(directory, "desired-state.json"), '{"version":1,"pods":[{"meta');
		expect(await new DesiredState(directory).load()).toBe(false);
	});
});
