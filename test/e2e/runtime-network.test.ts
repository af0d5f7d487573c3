/** Services and host ports, with real pods: by nftables on containerd, by forwarding on the process runtime. */
import { execFileSync } from "node:child_process";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NetworkPolicies } from "../../src/agent/network/network-policies.ts";
import { NftProxy } from "../../src/agent/network/nft-proxy.ts";
import type { ServiceEntry } from "../../src/agent/network/service-proxy.ts";
import type { NetworkRow } from "../../src/core/protocol/agent-protocol.ts";
import { UserspaceProxy } from "../../src/agent/network/userspace-proxy.ts";
import { ContainerdRuntime } from "../../src/agent/runtime/containerd/containerd-runtime.ts";
import { ProcessRuntime } from "../../src/agent/runtime/process/process-runtime.ts";
import { Harness, type Running } from "./runtime-contract.ts";
import { canRunContainers } from "./support/runtimes.ts";

const NODE_PORT = 31_731;
const CLUSTER_IP = "10.203.0.7";

function service(pods: Running[], part: Partial<ServiceEntry> = {}): ServiceEntry {
	const endpoints = pods.map((pod) => ({ ip: pod.sandbox.ips[0] ?? "", port: 8080 }));
	const ports = [{ name: "http", protocol: "TCP" as const, port: 80, nodePort: NODE_PORT, endpoints }];
	return {
		namespace: "default",
		name: "hello",
		type: "NodePort",
		clusterIP: CLUSTER_IP,
		sessionAffinity: "None",
		affinityTimeoutSeconds: 10_800,
		ports,
		...part,
	};
}

const row = (of: ServiceEntry): NetworkRow => ({ kind: "service", namespace: of.namespace, name: of.name, service: of });
const GONE: NetworkRow = { kind: "service", namespace: "default", name: "hello", service: null };

/** The pod that answered. */
async function answer(url: string): Promise<string> {
	const response = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(5000) });
	return /Hello from ([^,]+),/.exec(await response.text())?.[1] ?? "";
}

async function answers(url: string, count: number): Promise<Set<string>> {
	const seen = new Set<string>();
	for (let i = 0; i < count; i++) seen.add(await answer(url));
	return seen;
}

async function serving(harness: Harness, running: Running): Promise<void> {
	await vi.waitFor(async () => (await harness.runtime.dial(running.sandbox.id, 8080)).destroy(), { timeout: 10_000 });
}

const hostIp = (): string =>
	Object.values(networkInterfaces())
		.flatMap((list) => list ?? [])
		.find((one) => one.family === "IPv4" && !one.internal)?.address ?? "";

if (canRunContainers) describe("Services by nftables", { timeout: 60_000 }, servicesByNftables);
if (canRunContainers) test("network policies stay in force while the agent is away", policiesWithoutAgent);
describe("Services by forwarding", { timeout: 60_000 }, servicesByForwarding);

function servicesByNftables(): void {
	const harness = new Harness({
		create: (dataDir) => new ContainerdRuntime({ dataDir, containerd: "containerd", cniPluginDir: "/usr/lib/cni" }),
		prepare: (runtime) => (runtime as ContainerdRuntime).setPodCidrs(["10.202.0.0/24"]),
		leftovers: () => "",
	});
	const proxy = new NftProxy({ instance: "runtime-network-test", nodeName: "here" });
	let pods: Running[];

	beforeAll(async () => {
		await harness.start();
		pods = await Promise.all([harness.run(), harness.run({ ports: [{ containerPort: 8080, hostPort: 31_732 }] })]);
		await Promise.all(pods.map((pod) => serving(harness, pod)));
		await proxy.start();
	}, 60_000);
	afterAll(async () => {
		await proxy.stop({ removeAll: true });
		await harness.runtime.stop({ removeAll: true });
		expect(execFileSync("nft", ["list", "tables"], { encoding: "utf8" })).not.toContain("petrel-runtime-network-test");
	}, 60_000);

	test("a cluster address and node ports lead to all endpoints, from the node and from pods", async () => {
		await proxy.apply([row(service(pods))]);
		const names = pods.map((pod) => pod.sandbox.podName).sort();
		expect([...(await answers(`http://${CLUSTER_IP}/`, 30))].sort()).toEqual(names);
		expect([...(await answers(`http://127.0.0.1:${NODE_PORT}/`, 30))].sort()).toEqual(names);
		expect([...(await answers(`http://${hostIp()}:${NODE_PORT}/`, 30))].sort()).toEqual(names);
		const command = ["sh", "-c", `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do wget -q -O - http://${CLUSTER_IP}/; done | sort -u`];
		const inside = await harness.exec(pods[0]?.id ?? "", command);
		expect(inside.stdout.trim().split("\n")).toHaveLength(2);
	});

	test("a pod reaches itself through its Service", async () => {
		await proxy.apply([row(service(pods.slice(0, 1)))]);
		const inside = await harness.exec(pods[0]?.id ?? "", ["wget", "-q", "-O", "-", `http://${CLUSTER_IP}/`]);
		expect(inside.stdout).toContain(pods[0]?.sandbox.podName);
	});

	test("with ClientIP affinity a client stays with one endpoint", async () => {
		await proxy.apply([row(service(pods, { sessionAffinity: "ClientIP" }))]);
		expect((await answers(`http://${CLUSTER_IP}/`, 10)).size).toBe(1);
	});

	test("without endpoints connections are refused at once, and a Service that is gone is gone", async () => {
		await proxy.apply([row(service([]))]);
		const refused = expect.objectContaining({ cause: expect.objectContaining({ code: "ECONNREFUSED" }) });
		await expect(answer(`http://${CLUSTER_IP}/`)).rejects.toThrow(refused);
		await expect(answer(`http://127.0.0.1:${NODE_PORT}/`)).rejects.toThrow(refused);
		const inside = await harness.exec(pods[0]?.id ?? "", ["wget", "-q", "-O", "-", `http://${CLUSTER_IP}/`]);
		expect(inside.stderr).toContain("refused");
		await proxy.apply([GONE]);
		await expect(answer(`http://127.0.0.1:${NODE_PORT}/`)).rejects.toThrow(refused);
	});

	test("a host port leads to its pod", async () => {
		expect(await answer("http://127.0.0.1:31732/")).toBe(pods[1]?.sandbox.podName);
		expect(await answer(`http://${hostIp()}:31732/`)).toBe(pods[1]?.sandbox.podName);
	});
}

function servicesByForwarding(): void {
	const harness = new Harness({ create: (dataDir) => new ProcessRuntime({ dataDir }), leftovers: () => "" });
	const messages: string[] = [];
	const proxy = new UserspaceProxy({ log: (message) => messages.push(message) });
	let pods: Running[];

	beforeAll(async () => {
		await harness.start();
		pods = await Promise.all([harness.run(), harness.run()]);
		await Promise.all(pods.map((pod) => serving(harness, pod)));
		await proxy.start();
	}, 60_000);
	afterAll(async () => {
		await proxy.stop();
		await harness.runtime.stop({ removeAll: true });
	}, 60_000);

	test("a node port leads to the endpoints in turn, past one that is down", async () => {
		await proxy.apply([row(service(pods))]);
		expect((await answers(`http://127.0.0.1:${NODE_PORT}/`, 4)).size).toBe(2);
		await harness.runtime.stopContainer(pods[0]?.id ?? "", 5);
		expect([...(await answers(`http://127.0.0.1:${NODE_PORT}/`, 4))]).toEqual([pods[1]?.sandbox.podName]);
		expect(messages).toEqual([expect.stringContaining("node ports")]);
		await proxy.apply([row(service([]))]);
		await expect(answer(`http://127.0.0.1:${NODE_PORT}/`)).rejects.toThrow();
	});
}

/** As it was after a stop for an update: the pods go on, and so do the rules about them. */
async function policiesWithoutAgent(): Promise<void> {
	const options = { instance: "runtime-network-test", podCidr: "10.202.0.0/24", log: () => {} };
	const rules = (): string => execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
	const first = new NetworkPolicies(options);
	await first.start();
	await first.apply([
		{ kind: "namespace", name: "default", labels: {} },
		{ kind: "pod", namespace: "default", name: "web", pod: { ips: ["10.202.0.77"], labels: { app: "web" }, ports: {} } },
		{ kind: "policy", namespace: "default", name: "deny", policy: { podSelector: {}, policyTypes: ["Ingress"] } },
	]);
	expect(rules()).toContain("10.202.0.77");
	await first.stop({ removeAll: false });
	const second = new NetworkPolicies(options);
	await second.start();
	expect(rules()).toContain("10.202.0.77");
	await second.apply([{ kind: "namespace", name: "default", labels: {} }]);
	expect(rules()).not.toContain("10.202.0.77");
	await second.stop({ removeAll: true });
	expect(rules()).not.toContain(second.tableName);
}
