/**
 * Whether an agent keeps to docs/agent-protocol.md, asked by a control plane that only talks: `npx vitest run --project unit
 * test/agent-conformance.test.ts` asks the project's own agent. Any other is asked with PETREL_AGENT_COMMAND, a command line
 * that is given --server, --token, --name and --data and runs the agent until SIGTERM, and PETREL_AGENT_IMAGE, an image that it
 * can run and whose program goes on until it is stopped.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startAgent } from "../src/agent/agent.ts";
import { systemClock } from "../src/agent/clock.ts";
import { silentLogger } from "../src/agent/log.ts";
import type { AgentCommand } from "../src/core/protocol/agent-protocol.ts";
import type { Pod, PodStatus } from "../src/core/schema/kubernetes.d.ts";
import { deletedPod, testPod } from "./support/agent-node.ts";
import { until } from "./support/fake-clock.ts";
import { FakeControlPlane } from "./support/fake-control-plane.ts";
import { FakeRuntime } from "./support/fake-runtime.ts";

const COMMAND = process.env.PETREL_AGENT_COMMAND;
const IMAGE = process.env.PETREL_AGENT_IMAGE ?? "app:1";
const NODE = "node-1";

let plane: FakeControlPlane;
let dataDir: string;
let runtime: FakeRuntime;
let stop: () => Promise<void>;

/** The agent under test, its containers left from before. */
async function startAgentUnderTest(): Promise<void> {
	if (COMMAND === undefined) {
		const agent = await startAgent({ server: plane.url, token: plane.token, nodeName: NODE, dataDir, runtime, log: silentLogger });
		stop = () => agent.stop();
		return;
	}
	const args = ["--server", plane.url, "--token", plane.token, "--name", NODE, "--data", dataDir].map((word) => `'${word}'`);
	const child: ChildProcess = spawn("sh", ["-c", `exec ${COMMAND} ${args.join(" ")}`], { stdio: "inherit" });
	stop = async () => {
		if (child.exitCode !== null) return;
		child.kill("SIGTERM");
		await once(child, "exit");
	};
}

beforeEach(async () => {
	plane = await FakeControlPlane.start();
	dataDir = await mkdtemp(join(tmpdir(), "petrel-conformance-"));
	runtime = new FakeRuntime(systemClock);
	runtime.addImage(IMAGE);
	await startAgentUnderTest();
});
afterEach(async () => {
	await stop();
	await plane.stop();
	await rm(dataDir, { recursive: true, force: true });
});

const web = (): Pod => testPod({ containers: [{ name: "app", image: IMAGE, imagePullPolicy: "IfNotPresent" }], terminationGracePeriodSeconds: 1 });
const ref = { namespace: "default", name: "web", uid: "uid-web" };
const told = (condition: (status: PodStatus) => boolean): Promise<PodStatus> =>
	until(() => plane.reports.flatMap(({ statuses = [] }) => statuses).findLast(({ pod, status }) => pod.uid === ref.uid && condition(status))?.status);
const isRunning = (status: PodStatus): boolean => status.phase === "Running";
const stoppedCount = (): number => plane.reports.flatMap(({ stopped = [] }) => stopped).filter(({ uid }) => uid === ref.uid).length;

/** Has the pod run, by the answer whose cursor is 1. */
async function runWeb(): Promise<PodStatus> {
	(await plane.poll()).answer({ full: true, cursor: 1, pods: [web()] });
	return told(isRunning);
}

describe("an agent that joins", () => {
	it("says who it is, and needs to only once", async () => {
		const first = await plane.poll();
		expect(plane.joins).toEqual([expect.objectContaining({ version: 1, nodeName: NODE, instanceId: expect.stringMatching(/.+/) })]);
		expect(first.request).toMatchObject({ version: 1, instanceId: plane.joins[0]?.instanceId, cursor: 0, networkCursor: 0 });
		await stop();
		await startAgentUnderTest();
		const second = await until(() => plane.held.find(({ request }) => request.bootId !== first.request.bootId));
		expect(plane.joins).toHaveLength(1);
		expect(second.request).toMatchObject({ instanceId: first.request.instanceId, cursor: 0 });
	});

	it("tells of its node with its first report", async () => {
		const { node } = await until(() => plane.reports.find((report) => report.node !== undefined));
		expect(node?.labels).toMatchObject({ "kubernetes.io/hostname": NODE });
		expect(node?.status.conditions).toContainEqual(expect.objectContaining({ type: "Ready" }));
		for (const resource of ["cpu", "memory", "pods"]) expect(node?.status.allocatable).toHaveProperty(resource);
	});
});

describe("an agent that polls", () => {
	it("runs the pods of an answer and asks on from its cursor; the same answer again changes nothing", async () => {
		const before = await runWeb();
		const next = await plane.poll();
		expect(next.request.cursor).toBe(1);
		next.answer({ full: true, cursor: 2, pods: [web()] });
		const again = await until(() => plane.held.find(({ request }) => request.cursor === 2));
		again.answer({ cursor: 3, pods: [web()] });
		await until(() => plane.held.find(({ request }) => request.cursor === 3));
		const after = await told(isRunning);
		expect(after.containerStatuses?.[0]).toMatchObject({ containerID: before.containerStatuses?.[0]?.containerID, restartCount: 0 });
	});

	it.each([
		[200, "no JSON"],
		[200, '{"version":1}'],
		[200, '{"version":99,"cursor":9,"networkCursor":0,"full":true,"pods":[],"removed":[],"configMaps":[],"secrets":[],"network":[],"commands":[]}'],
		[500, "{}"],
	])("changes nothing for an answer it cannot read: %i %s", async (code, text) => {
		await runWeb();
		const polls = plane.held.length;
		(await plane.poll()).raw(code, text);
		const next = await until(() => plane.held[polls]);
		expect(next.request.cursor).toBe(1);
		expect(stoppedCount()).toBe(0);
		expect((await told(() => true)).phase).toBe("Running");
	});

	it("takes no notice of what a newer control plane may say", async () => {
		const unknown = { type: "future", id: "1" } as unknown as AgentCommand;
		const answer = { full: true, cursor: 1, pods: [web()], commands: [unknown], futureField: { a: 1 }, networkRows: [{ kind: "future", name: "x" } as never] };
		(await plane.poll()).answer(answer);
		await told(isRunning);
		await until(() => plane.held.find(({ request }) => request.cursor === 1));
	});

	it("asks once more before it believes that it should run nothing", async () => {
		await runWeb();
		(await plane.poll()).answer({ full: true, cursor: 2, pods: [] });
		const doubting = await until(() => plane.held.slice(1).findLast(({ request }) => request.cursor === 0));
		expect((await told(() => true)).phase).toBe("Running");
		doubting.answer({ full: true, cursor: 2, pods: [web()] });
		await until(() => plane.held.find(({ request }) => request.cursor === 2));
		expect(stoppedCount()).toBe(0);
	});

	it("sends a report again that was not stored", async () => {
		plane.reportFailures = 2;
		await runWeb();
		expect(plane.reportFailures).toBe(0);
	});
});

describe("a pod that is deleted", () => {
	it("is stopped, told of and then reported stopped; again when it comes again", async () => {
		await runWeb();
		(await plane.poll()).answer({ cursor: 2, pods: [deletedPod(web(), 1)] });
		await until(() => stoppedCount() > 0);
		const last = await told((status) => status.containerStatuses?.[0]?.state?.terminated !== undefined);
		expect(["Succeeded", "Failed"]).toContain(last.phase);
		const count = stoppedCount();
		(await plane.poll()).answer({ full: true, cursor: 3, pods: [deletedPod(web(), 1)] });
		await until(() => stoppedCount() > count);
	});

	it("whose object is gone is stopped without a word", async () => {
		await runWeb();
		(await plane.poll()).answer({ cursor: 2, removed: [ref] });
		await until(() => plane.held.find(({ request }) => request.cursor === 2));
		expect(stoppedCount()).toBe(0);
	});
});

describe("commands", () => {
	it("usage: is reported once, however often it is asked for by one id", async () => {
		const command: AgentCommand = { type: "usage", id: "usage-1" };
		(await plane.poll()).answer({ full: true, cursor: 1, commands: [command, command] });
		const { usage } = await until(() => plane.reports.find((report) => report.usage?.id === "usage-1"));
		expect(usage?.usage.node.memoryBytes).toBeGreaterThan(0);
		(await plane.poll()).answer({ cursor: 2, commands: [{ type: "usage", id: "usage-2" }] });
		await until(() => plane.reports.find((report) => report.usage?.id === "usage-2"));
		expect(plane.reports.filter((report) => report.usage?.id === "usage-1")).toHaveLength(1);
	});

	it("session: is dialled, and refused for a pod that is not here", async () => {
		await runWeb();
		const request = { kind: "log" as const, follow: false, previous: false, timestamps: false };
		const command = (id: string, uid: string): AgentCommand => ({ type: "session", id, pod: { ...ref, uid }, container: "app", request });
		(await plane.poll()).answer({ cursor: 2, commands: [command("here", ref.uid), command("nowhere", "uid-other")] });
		const here = await plane.session("here");
		const nowhere = await plane.session("nowhere");
		await until(() => here.hello && nowhere.hello);
		expect(here.hello).toEqual({ ok: true });
		expect(await here.ended()).toBe(1000);
		expect(nowhere.hello).toMatchObject({ ok: false, code: 404 });
	});
});
