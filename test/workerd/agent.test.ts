/** The agent protocol in workerd, both sides of it seen: a pod's life, the held poll, sessions, a node that is lost. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Node, Pod, VolumeAttachmentList } from "../../src/core/schema/kubernetes.d.ts";
import { NODE_MONITOR_GRACE_MS } from "../../src/core/controllers/node-lifecycle-controller.ts";
import { POLL_GAP_MS } from "../../src/objects/node-core.ts";
import { clusterStub, nodeStub } from "./support/bindings.ts";
import { pod, pods } from "./support/objects.ts";
import { refOf, runningStatus, TestAgent } from "./support/test-agent.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

afterEach(() => {
	vi.useRealTimers();
});

const readyCondition = ({ status }: Node) => status?.conditions?.find((condition) => condition.type === "Ready")?.status;

describe("joining", () => {
	it("makes a node with addresses and a credential that is this node's alone", async () => {
		const cluster = await TestCluster.create();
		const agent = new TestAgent(cluster, "worker");
		expect(await agent.join()).toMatchObject({ version: 1, podCidr: expect.stringMatching(/^10\.244\.\d+\.0\/24$/), credential: expect.any(String) });
		expect(await cluster.call("GET", "/api/v1/nodes/worker")).toMatchObject({ metadata: { name: "worker" } });
		const poll = { version: 1, instanceId: "i", bootId: "b", cursor: 0, networkCursor: 0 };
		expect(await cluster.refused("POST", "/agent/v1/nodes/another/poll", poll, { token: agent.credential })).toMatchObject({ code: 403 });
		expect(await cluster.refused("POST", "/agent/v1/nodes/worker/poll", poll)).toMatchObject({ code: 403 });
		expect(await cluster.refused("POST", "/agent/v1/nodes/worker/poll", { ...poll, version: 99 }, { token: agent.credential })).toMatchObject({ code: 400 });
		const again = { version: 1, nodeName: "worker", instanceId: "someone-else" };
		expect(await cluster.refused("POST", "/agent/v1/join", again)).toMatchObject({ code: 409, message: expect.stringContaining("taken by another agent") });
		expect(await cluster.refused("POST", "/agent/v1/join", { ...again, nodeName: "No_Name" })).toMatchObject({ code: 400 });
		expect(await cluster.refused("POST", "/agent/v1/join", again, { token: agent.credential })).toMatchObject({ code: 403 });
	});
});

describe("a pod", () => {
	it("is placed, assigned, run, deleted and stopped", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		const held = agent.pod(({ metadata }) => metadata.name === "web");
		await cluster.call("POST", pods(), pod("web"));
		const assigned = await held;
		expect(assigned.spec?.nodeName).toBe("worker");

		await agent.reportStatus(refOf(assigned), runningStatus());
		const running = await eventually(async () => {
			const found = await cluster.call<Pod>("GET", pods("web"));
			return found.status?.phase === "Running" ? found : undefined;
		});
		expect(running.status).toMatchObject({ podIP: "10.244.0.5", containerStatuses: [{ name: "main", ready: true }] });

		await cluster.call("DELETE", pods("web"));
		const marked = await agent.pod(({ metadata }) => metadata.deletionTimestamp !== undefined);
		expect(marked.metadata).toMatchObject({ name: "web", deletionGracePeriodSeconds: 1 });
		await agent.report({ stopped: [refOf(marked)] });
		await eventually(async () => ((await cluster.fetch("GET", pods("web"))).status === 404 ? true : undefined));
		expect(await eventually(async () => (await (await agent.hold()).answer).removed[0])).toEqual(refOf(marked));
		// Said again, as after a lost answer, it changes nothing.
		await agent.report({ stopped: [refOf(marked)], statuses: [{ pod: refOf(marked), status: runningStatus() }] });
		expect((await cluster.fetch("GET", pods("web"))).status).toBe(404);
	});

	it("reaches the agent of a Node object that slept under the held poll", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		await cluster.call("POST", pods(), pod("first"));
		await agent.pod(({ metadata }) => metadata.name === "first");
		const held = await agent.hold();
		await evictDurableObject(nodeStub(cluster.id, "worker"));
		await cluster.call("POST", pods(), pod("web"));
		expect((await held.answer).pods.map(({ metadata }) => metadata.name)).toEqual(["web"]);
	});

	it("is told whole to an agent that begins anew, and not again to one that knows it", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		await cluster.call("POST", pods(), pod("web"));
		await agent.pod(({ metadata }) => metadata.name === "web");
		expect((await agent.catchUp()).pods).toEqual([]);
		agent.cursor = 0;
		expect(await agent.catchUp()).toMatchObject({ full: true, pods: [{ metadata: { name: "web" } }] });
	});
});

describe("a volume of a CSI driver", () => {
	it("is attached for its pod, and its Secret is told to the pod's node alone", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "volume-key" }, stringData: { key: "value" } };
		await cluster.call("POST", "/api/v1/namespaces/kube-system/secrets", secret);
		const common = { storageClassName: "sample", accessModes: ["ReadWriteOnce"] };
		const csi = { driver: "sample.example.com", volumeHandle: "vol-1", nodeStageSecretRef: { name: "volume-key", namespace: "kube-system" } };
		const spec = { ...common, capacity: { storage: "1Gi" }, csi };
		await cluster.call("POST", "/api/v1/persistentvolumes", { apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "pv" }, spec });
		const claim = { ...common, resources: { requests: { storage: "1Gi" } } };
		const claims = "/api/v1/namespaces/default/persistentvolumeclaims";
		await cluster.call("POST", claims, { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: claim });
		const path = "/agent/v1/nodes/worker/volume-secret";
		const asked = { version: 1, volume: "pv", use: "nodeStage" };
		const token = agent.credential;
		expect(await cluster.refused("POST", path, asked, { token })).toMatchObject({ code: 403 });
		const held = agent.pod(({ metadata }) => metadata.name === "web");
		const web = pod("web");
		await cluster.call("POST", pods(), { ...web, spec: { ...web.spec, volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] } });
		const assigned = await held;
		const attachment = await eventually(async () => (await cluster.call<VolumeAttachmentList>("GET", "/apis/storage.k8s.io/v1/volumeattachments")).items[0]);
		expect(attachment.spec).toEqual({ attacher: "sample.example.com", nodeName: "worker", source: { persistentVolumeName: "pv" } });
		expect(await cluster.call("POST", path, asked, { token })).toMatchObject({ kind: "Secret", data: { key: btoa("value") } });
		expect(await cluster.refused("POST", path, { ...asked, use: "nodePublish" }, { token })).toMatchObject({ code: 404 });
		expect(await cluster.refused("POST", path, { ...asked, use: "none" }, { token })).toMatchObject({ code: 400 });
		expect(await cluster.refused("POST", path, asked)).toMatchObject({ code: 403 });
		await cluster.call("DELETE", pods("web"));
		await agent.report({ stopped: [refOf(assigned)] });
		await eventually(async () =>
			(await cluster.call<VolumeAttachmentList>("GET", "/apis/storage.k8s.io/v1/volumeattachments")).items.length === 0 ? true : undefined,
		);
	});
});

describe("a lost agent", () => {
	it("is noticed by its poll's end, and its node becomes Unknown after the grace period", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		const held = await agent.hold();
		held.abandon();
		await eventually(async () => (!(await told(cluster)) ? true : undefined));
		expect(readyCondition(await cluster.call<Node>("GET", "/api/v1/nodes/worker"))).toBe("True");
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + NODE_MONITOR_GRACE_MS);
		const lost = await eventually(async () => {
			await runDurableObjectAlarm(clusterStub(cluster.id));
			const node = await cluster.call<Node>("GET", "/api/v1/nodes/worker");
			return readyCondition(node) === "Unknown" ? node : undefined;
		});
		expect(lost.spec?.taints?.map(({ key }) => key)).toContain("node.kubernetes.io/unreachable");

		await agent.hold();
		await eventually(async () => (readyCondition(await cluster.call<Node>("GET", "/api/v1/nodes/worker")) === "True" ? true : undefined));
	});

	it("is noticed when no new poll follows an answered one", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		const held = await agent.hold();
		await cluster.call("POST", pods(), pod("web"));
		await held.answer;
		expect(await told(cluster)).toBe(true);
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + POLL_GAP_MS);
		await runDurableObjectAlarm(nodeStub(cluster.id, "worker"));
		expect(await told(cluster)).toBe(false);
	});
});

/** Whether the agent of node "worker" is thought to be there: only then is a log's session offered to it. */
async function told(cluster: TestCluster): Promise<boolean> {
	const node = nodeStub(cluster.id, "worker") as unknown as { command(cluster: string, node: string, command: unknown): Promise<boolean> };
	return node.command(cluster.name, "worker", { type: "session", id: crypto.randomUUID() });
}

describe("a session", () => {
	async function runningPod(cluster: TestCluster, agent: TestAgent): Promise<void> {
		await cluster.call("POST", pods(), pod("web"));
		const assigned = await agent.pod(({ metadata }) => metadata.name === "web");
		await agent.reportStatus(refOf(assigned), runningStatus());
		await eventually(async () => ((await cluster.call<Pod>("GET", pods("web"))).status?.phase === "Running" ? true : undefined));
		await agent.catchUp();
	}

	it("carries a log from the agent to the client", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		await runningPod(cluster, agent);
		const asked = cluster.fetch("GET", `${pods("web")}/log?follow=true&tailLines=2`);
		const command = await agent.session();
		expect(command).toMatchObject({ type: "session", container: "main", pod: { name: "web" }, request: { kind: "log", follow: true, tailLines: 2 } });
		const socket = await agent.dial(command.id, { ok: true });
		socket.send(new TextEncoder().encode("one\n"));
		const response = await asked;
		expect(response.status).toBe(200);
		socket.send(new TextEncoder().encode("two\n"));
		socket.close(1000);
		expect(await response.text()).toBe("one\ntwo\n");
	});

	it("tells the client why the agent refuses", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		await runningPod(cluster, agent);
		const asked = cluster.refused("GET", `${pods("web")}/log`);
		const { id } = await agent.session();
		await agent.dial(id, { ok: false, code: 404, reason: "NotFound", message: "the log is gone" });
		expect(await asked).toMatchObject({ code: 404, reason: "NotFound", message: "the log is gone" });
	});

	it("passes frames both ways, those included that came before the agent", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		await runningPod(cluster, agent);
		const client = await cluster.upgrade(`${pods("web")}/exec?command=cat&stdin=1&stdout=1`, "v5.channel.k8s.io");
		client.send(new Uint8Array([0, 1, 2]));
		const { id, request } = await agent.session();
		expect(request).toEqual({ kind: "exec", command: ["cat"], stdin: true, stdout: true, stderr: false, tty: false, subprotocol: "v5.channel.k8s.io" });
		const socket = await agent.dial(id, { ok: true });
		expect(await message(socket)).toEqual([0, 1, 2]);
		const reply = message(client);
		socket.send(new Uint8Array([1, 9]));
		expect(await reply).toEqual([1, 9]);
		const closed = new Promise((resolve) => client.addEventListener("close", ({ code }) => resolve(code)));
		socket.close(1000, "done");
		expect(await closed).toBe(1000);
	});

	it("is open to the pod's own node alone", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		await runningPod(cluster, agent);
		const stranger = new TestAgent(cluster, "stranger");
		await stranger.join();
		const client = await cluster.upgrade(`${pods("web")}/exec?command=true&stdout=1`, "v5.channel.k8s.io");
		const { id } = await agent.session();
		await expect(stranger.dial(id, { ok: true })).rejects.toThrow("the session is over");
		client.close(1000);
	});

	it("is refused at once when no agent is there", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster);
		await runningPod(cluster, agent);
		const held = await agent.hold();
		held.abandon();
		await eventually(async () => (!(await told(cluster)) ? true : undefined));
		expect(await cluster.refused("GET", `${pods("web")}/log`)).toMatchObject({
			code: 503,
			message: expect.stringContaining('the agent of node "worker" is not connected'),
		});
	});
});

/** The next binary message. */
function message(socket: WebSocket): Promise<number[]> {
	socket.binaryType = "arraybuffer";
	return new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve([...new Uint8Array(data as ArrayBuffer)]), { once: true }));
}
