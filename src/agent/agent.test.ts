import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deletedPod, testPod } from "../../test/support/agent-node.ts";
import { until } from "../../test/support/fake-clock.ts";
import { FakeControlPlane } from "../../test/support/fake-control-plane.ts";
import { FakeRuntime } from "../../test/support/fake-runtime.ts";
import { isRowGone } from "../core/protocol/agent-protocol.ts";
import type { PodStatus } from "../core/schema/kubernetes.d.ts";
import { type Agent, type AgentOptions, startAgent } from "./agent.ts";
import { systemClock } from "./clock.ts";
import { silentLogger } from "./log.ts";

let plane: FakeControlPlane;
let runtime: FakeRuntime;
let dataDir: string;
let agents: Agent[];

beforeEach(async () => {
	plane = await FakeControlPlane.start();
	runtime = new FakeRuntime(systemClock);
	runtime.addImage("app:1");
	dataDir = await mkdtemp(join(tmpdir(), "petrel-agent-"));
	agents = [];
});
afterEach(async () => {
	await Promise.all(agents.map((a) => a.stop()));
	await plane.stop();
	await rm(dataDir, { recursive: true, force: true });
});

async function start(options: Partial<AgentOptions> = {}): Promise<Agent> {
	const agent = await startAgent({
		server: plane.url,
		token: "join-token",
		nodeName: "node-1",
		dataDir,
		runtime,
		log: silentLogger,
		joinPatienceMs: 0,
		...options,
	});
	agents.push(agent);
	return agent;
}

const reported = (condition: (status: PodStatus) => boolean): Promise<PodStatus> =>
	until(() => plane.reports.flatMap((r) => r.statuses ?? []).findLast(({ status }) => condition(status))?.status);

describe("joining", () => {
	it("keeps the credential for itself and needs no token the next time", async () => {
		const agent = await start();
		expect(agent.cluster.podCidr).toBe("10.244.1.0/24");
		const [first] = plane.joins;
		expect(first).toMatchObject({ version: 1, nodeName: "node-1" });
		for (const name of await readdir(dataDir)) {
			const info = await stat(join(dataDir, name));
			if (info.isFile()) expect(info.mode & 0o077).toBe(0);
		}
		await agent.stop();
		await start({ token: undefined });
		expect(plane.joins).toHaveLength(1);
		expect((await plane.poll()).request.instanceId).toBe(first?.instanceId);
	});

	it.each([
		["a wrong token", { token: "wrong" }, /did not accept the join token: Unauthorized; make a new token/],
		["no token", { token: undefined }, /no join token was given; give one with --token/],
		["a server that is not there", { server: "http://127.0.0.1:1" }, /cannot be reached \(ECONNREFUSED\); check the address/],
	])("says what is wrong with %s", async (_what, options, message) => {
		await expect(start(options)).rejects.toThrow(message);
	});

	it("says that the name is taken", async () => {
		plane.joinStatus = { code: 409, message: "it belongs to another agent" };
		await expect(start()).rejects.toThrow(/the name "node-1" is taken by another node of the cluster: it belongs to another agent; choose another with --name/);
	});

	it("says that the data directory is another node's, or another agent's", async () => {
		const agent = await start();
		await agent.stop();
		await expect(start({ nodeName: "node-2" })).rejects.toThrow(/belongs to node "node-1", not "node-2"/);
	});

	it("does not trust a certificate of another authority", async () => {
		const { createCertificate } = await import("../../test/support/certificate.ts");
		const { key, cert } = await createCertificate();
		const server = createServer({ key, cert }, (_request, response) => response.end());
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
		await expect(start({ server: address })).rejects.toThrow(/is not the cluster's \(.*\); give the cluster's CA with --ca-file/);
		server.close();
	});
});

describe("polling", () => {
	it("tells the node's status, runs what it is given, reports, and moves its cursor", async () => {
		await start({ labels: { zone: "a" } });
		const node = await until(() => plane.reports.find((r) => r.node)?.node);
		expect(node.labels).toMatchObject({ "kubernetes.io/hostname": "node-1", zone: "a" });
		expect(node.status.conditions?.find((c) => c.type === "Ready")).toMatchObject({
			status: "True",
			reason: "KubeletReady",
			message: "kubelet is posting ready status",
		});
		expect(node.status.nodeInfo).toMatchObject({ kubeletVersion: "v1.36.0+petrel", containerRuntimeVersion: "fake://1.0" });
		const poll = await plane.poll();
		expect(poll.request).toMatchObject({ cursor: 0, networkCursor: 0 });
		poll.heartbeat();
		poll.answer({ full: true, cursor: 7, networkCursor: 3, pods: [testPod()] });
		const status = await reported((s) => s.phase === "Running");
		expect(status.containerStatuses?.[0]?.ready).toBe(true);
		expect((await plane.poll()).request).toMatchObject({ cursor: 7, networkCursor: 3 });
		await until(() => plane.requests.find((r) => r.path === "/api/v1/namespaces/default/events" && (r.body as { reason: string }).reason === "Started"));
		expect(plane.requests[0]?.authorization).toBe("Bearer node-credential");
	});

	it("reports a deleted pod stopped after its last status", async () => {
		await start();
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
		await reported((s) => s.phase === "Running");
		(await plane.poll()).answer({ cursor: 2, pods: [deletedPod(testPod())] });
		const report = await until(() => plane.reports.find((r) => r.stopped));
		expect(report.stopped).toEqual([{ namespace: "default", name: "web", uid: "uid-web" }]);
		expect(plane.reports.flatMap((r) => r.statuses ?? []).at(-1)?.status.containerStatuses?.[0]?.state?.terminated).toBeDefined();
	});

	it("gives a token of its ServiceAccount to a pod", async () => {
		plane.api = (_method, path) =>
			path.endsWith("/token")
				? { code: 201, body: { status: { token: "a.b.c", expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() } } }
				: { code: 201, body: {} };
		await start();
		const volumes = [{ name: "token", projected: { sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 3607 } }] } }];
		(await plane.poll()).answer({
			full: true,
			cursor: 1,
			pods: [
				testPod({ volumes, serviceAccountName: "builder", containers: [{ name: "app", image: "app:1", volumeMounts: [{ name: "token", mountPath: "/t" }] }] }),
			],
		});
		await reported((s) => s.phase === "Running");
		const asked = plane.requests.find((r) => r.path.endsWith("/token"));
		expect(asked?.path).toBe("/api/v1/namespaces/default/serviceaccounts/builder/token");
		expect(asked?.body).toMatchObject({ spec: { expirationSeconds: 3607, boundObjectRef: { kind: "Pod", name: "web", uid: "uid-web" } } });
		const mount = [...runtime.configs.values()][0]?.mounts[0];
		expect(await readFile(join(mount?.hostPath ?? "", "token"), "utf8")).toBe("a.b.c");
	});

	it.each([
		["an error", 500, '{"message":"internal"}'],
		["nothing", 200, ""],
		["another kind of JSON", 200, '{"kind":"Status"}'],
		["a list that is none", 200, '{"version":1,"cursor":1,"networkCursor":1,"full":true,"pods":null}'],
		["a proxy's page", 200, "<html>"],
	])("leaves the pods alone when the answer is %s", async (_what, code, text) => {
		await start();
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
		await reported((s) => s.phase === "Running");
		(await plane.poll()).raw(code, text);
		expect((await plane.poll()).request.cursor).toBe(1);
		expect(runtime.container("app")?.state).toBe("running");
	});

	it("believes an answer without any pod only when it comes twice", async () => {
		await start();
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
		await reported((s) => s.phase === "Running");
		(await plane.poll()).answer({ full: true, cursor: 2 });
		const again = await plane.poll();
		expect(again.request.cursor).toBe(0);
		expect(runtime.container("app")?.state).toBe("running");
		again.answer({ full: true, cursor: 2 });
		await until(() => runtime.sandboxes.size === 0);
	});

	it("skips a pod it cannot read and runs the others", async () => {
		await start();
		const bad = { ...testPod({}, { name: "bad" }), spec: undefined };
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [bad, testPod()] });
		await reported((s) => s.phase === "Running");
	});

	it("runs its pods after a restart with the control plane away", async () => {
		const agent = await start();
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
		await reported((s) => s.phase === "Running");
		await agent.stop();
		await plane.stop();
		runtime.exit("app", 1);
		await start({ token: undefined });
		await until(() => runtime.container("app")?.attempt === 1 && runtime.container("app")?.state === "running");
	});

	it("does not start a pod again that the control plane has dropped meanwhile", async () => {
		const agent = await start();
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
		await reported((s) => s.phase === "Running");
		await agent.stop({ removeAll: true });
		const starts = runtime.calls.length;
		await start();
		const other = testPod({}, { name: "other" });
		(await plane.poll()).answer({ full: true, cursor: 2, pods: [other] });
		await until(() => runtime.container("app")?.podUid === "uid-other");
		expect(runtime.calls.slice(starts).filter((c) => c.startsWith("runSandbox"))).toEqual(["runSandbox other"]);
	});

	it("leaves nothing running when it is told to remove all", async () => {
		const agent = await start();
		(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
		await reported((s) => s.phase === "Running");
		await agent.stop({ removeAll: true });
		expect(runtime.sandboxes.size).toBe(0);
		expect(await readdir(join(dataDir, "pods"))).toEqual([]);
	});

	it("hands the Services of all namespaces to the network", async () => {
		const applied: string[][] = [];
		await start({
			network: {
				start: async () => undefined,
				apply: (rows) => void applied.push(rows.map((row) => (isRowGone(row) ? `-${row.name}` : row.name))),
				stop: async () => undefined,
			},
		});
		const entry = (namespace: string, name: string) => ({
			namespace,
			name,
			type: "ClusterIP" as const,
			clusterIP: "10.96.0.9",
			sessionAffinity: "None" as const,
			affinityTimeoutSeconds: 0,
			ports: [],
		});
		(await plane.poll()).answer({
			full: true,
			cursor: 1,
			networkCursor: 1,
			network: [
				{ namespace: "a", services: [entry("a", "one")] },
				{ namespace: "b", services: [entry("b", "two")] },
			],
		});
		await until(() => applied.at(-1)?.join() === "one,two");
		(await plane.poll()).answer({ cursor: 1, networkCursor: 2, network: [{ namespace: "a", services: [] }] });
		await until(() => applied.at(-1)?.join() === "-one");
		const row = { kind: "service" as const, namespace: "b", name: "three", service: entry("b", "three") };
		(await plane.poll()).answer({ cursor: 1, networkCursor: 3, networkRows: [row] });
		await until(() => applied.at(-1)?.join() === "three");
	});
});
