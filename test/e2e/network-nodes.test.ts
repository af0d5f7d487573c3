/**
 * Two nodes in networks of their own, one of them behind a NAT with no way in: pods reach each other, and Services choose among all nodes'
 * pods as their policies say.
 */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Deployment, NetworkPolicy, Node, NodeList, Pod, PodList, Service } from "../../src/core/schema/kubernetes.d.ts";
import { deployment, EXAMPLE_PORT } from "./support/example.ts";
import { machinePod } from "./support/machine-pod.ts";
import { eventually, Petrel } from "./support/petrel.ts";
import { RemoteNode, testAddress } from "./support/remote-node.ts";
import { NO_TRACES, tracesOf } from "./support/traces.ts";

const NEAR = "node-a";
const SLEEP = "trap 'exit 0' TERM; while :; do sleep 0.2; done";
const ASKS = 12;

const ready = ({ status }: Node): string | undefined => status?.conditions?.find(({ type }) => type === "Ready")?.status;
const on = (pod: Pod, node: string): Pod => ({ ...pod, spec: { ...(pod.spec as NonNullable<Pod["spec"]>), nodeName: node } });

/** One of its pods on each node. */
function spread(name: string): Deployment {
	const web = deployment(name, 3);
	const constraint = { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app: name } } };
	Object.assign(web.spec?.template.spec ?? {}, { topologySpreadConstraints: [constraint], terminationGracePeriodSeconds: 10 });
	// Until every node knows that the pod ends it must go on answering.
	for (const container of web.spec?.template.spec?.containers ?? []) container.lifecycle = { preStop: { sleep: { seconds: 3 } } };
	return web;
}

const service = (name: string, part: Partial<NonNullable<Service["spec"]>> = {}): Service => ({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name },
	spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: EXAMPLE_PORT }], ...part },
});

describe("nodes with networks of their own", () => {
	const petrel = new Petrel();
	const { kubectl } = petrel;
	const [left, right] = [new RemoteNode("node-b", 1), new RemoteNode("node-c", 2, { behindNat: true, without: /^ethtool$/ })];
	const nodes = [NEAR, left.name, right.name];
	const address = `${testAddress(254)}/32`;
	const names = new Map<string, string>();

	/** From a pod of the node. */
	const inPod = (node: string, ...command: string[]): Promise<string> => kubectl.run("exec", `client-${node}`, "--", ...command);
	/** The nodes whose pods answered. */
	const answers = async (node: string, url: string): Promise<string[]> => {
		const text = await inPod(node, "sh", "-c", `for i in $(seq ${ASKS}); do curl -sS --max-time 3 ${url} || echo failed; done`);
		const found = text
			.trim()
			.split("\n")
			.map((line) => names.get(/Hello from ([^,]+),/.exec(line)?.[1] ?? "") ?? line);
		return [...new Set(found)].sort();
	};
	const clusterIp = (name: string): Promise<string> => kubectl.run("get", "service", name, "-o", "jsonpath={.spec.clusterIP}");

	beforeAll(async () => {
		execFileSync("ip", ["address", "add", address, "dev", "lo"]);
		await petrel.up("--no-example", "--runtime", "containerd", "--listen", testAddress(254), "--node-name", NEAR);
		const server = petrel.data.runState()?.server ?? "";
		const token = (await petrel.run("node", "token", "create")).trim();
		await Promise.all([left, right].map((node) => node.start(petrel, server, token)));
		await eventually("three ready nodes", async () => {
			const { items } = await kubectl.json<NodeList>("get", "nodes");
			return items.filter((node) => ready(node) === "True").length === 3 ? true : undefined;
		});
		await kubectl.apply(spread("web"));
		for (const node of nodes) await kubectl.apply(on(machinePod(`client-${node}`, SLEEP), node));
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		await kubectl.run("wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s");
		for (const { metadata, spec } of (await kubectl.json<PodList>("get", "pods", "-l", "app=web")).items) names.set(metadata.name ?? "", spec?.nodeName ?? "");
		expect([...names.values()].sort()).toEqual(nodes);
	});
	beforeEach(({ onTestFailed }) => {
		onTestFailed(() => {
			process.stderr.write(`${[petrel, left, right].map((one) => one.logs()).join("\n")}\n`);
		});
	});
	afterAll(async () => {
		await Promise.all([left, right].map((node) => node.dispose()));
		await petrel.dispose();
		execFileSync("ip", ["address", "delete", address, "dev", "lo"]);
		for (const directory of [petrel.data.path, left.directory, right.directory]) expect(tracesOf(directory)).toEqual(NO_TRACES);
	});

	it("lets every pod reach every other by its own address, also with packets as large as its link carries", async () => {
		const { items } = await kubectl.json<PodList>("get", "pods", "-l", "app=web");
		for (const node of nodes) {
			for (const { metadata, status } of items) {
				const url = `http://${status?.podIP}:${EXAMPLE_PORT}/`;
				const text = await eventually(`${node} to ${metadata.name}`, () => inPod(node, "curl", "-sS", "--max-time", "2", url).catch(() => undefined));
				expect(text).toContain(`Hello from ${metadata.name}`);
			}
		}
		const far = items.find(({ spec }) => spec?.nodeName === right.name)?.status?.podIP ?? "";
		expect(
			await inPod(left.name, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", `X-Large: ${"x".repeat(3000)}`, `http://${far}:${EXAMPLE_PORT}/`),
		).toMatch(/^\d+$/);
	});

	it("carries UDP to and from the node that nobody reaches, and says who asks", async () => {
		const echo =
			"use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 5300, Proto => 'udp'); while ($s->recv(my $m, 2000)) { $s->send($s->peerhost . ' ' . length $m) }";
		const ask =
			"use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 5300, Proto => 'udp'); $s->send('x' x 1400); local $SIG{ALRM} = sub { exit 1 }; alarm 2; $s->recv(my $m, 2000); print $m";
		for (const node of [left.name, right.name]) await kubectl.apply(on(machinePod(`echo-${node}`, `exec perl -e "${echo.replaceAll("$", "\\$")}"`), node));
		await kubectl.run("wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s");
		const ip = (pod: string) => kubectl.run("get", "pod", pod, "-o", "jsonpath={.status.podIP}");
		for (const [from, to] of [
			[left.name, right.name],
			[right.name, left.name],
		] as const) {
			const target = await ip(`echo-${to}`);
			const answer = await eventually(`${from} to ${to}`, () => inPod(from, "perl", "-e", ask, target).catch(() => undefined));
			expect(answer).toBe(`${await ip(`client-${from}`)} 1400`);
		}
	});

	it("leads a Service to the pods of all nodes, or as its policies say", async () => {
		await kubectl.apply(service("web"));
		await kubectl.apply(service("own", { internalTrafficPolicy: "Local" }));
		await kubectl.apply(service("near", { trafficDistribution: "PreferSameNode" }));
		await kubectl.apply(service("kept", { sessionAffinity: "ClientIP" }));
		for (const node of nodes) {
			await eventually("all pods", async () => ((await answers(node, "http://web/")).join() === nodes.join() ? true : undefined));
			expect(await answers(node, "http://own/")).toEqual([node]);
			expect(await answers(node, "http://near/")).toEqual([node]);
			expect(await answers(node, "http://kept/")).toHaveLength(1);
		}
	});

	it("opens node ports: to all pods, or to the node's own with the client's address", async () => {
		await kubectl.apply(service("open", { type: "NodePort", ports: [{ port: 80, targetPort: EXAMPLE_PORT, nodePort: 30_111 }] }));
		await kubectl.apply(
			service("open-local", { type: "LoadBalancer", externalTrafficPolicy: "Local", ports: [{ port: 80, targetPort: EXAMPLE_PORT, nodePort: 30_112 }] }),
		);
		const [inner] = [testAddress(6)];
		const ask = async (port: number): Promise<string[]> => {
			const texts = await Promise.all(
				Array.from({ length: ASKS }, () => fetch(`http://${inner}:${port}/`, { headers: { connection: "close" } }).then((one) => one.text())),
			);
			return [...new Set(texts.map((text) => names.get(/Hello from ([^,]+),/.exec(text)?.[1] ?? "") ?? text))].sort();
		};
		await eventually("all pods", async () => ((await ask(30_111).catch(() => [])).join() === nodes.join() ? true : undefined));
		expect(await ask(30_112)).toEqual([left.name]);
		const check = await kubectl.run("get", "service", "open-local", "-o", "jsonpath={.spec.healthCheckNodePort}");
		const health = await fetch(`http://${inner}:${check}/healthz`);
		expect([health.status, await health.json()]).toEqual([
			200,
			{ service: { namespace: "default", name: "open-local" }, localEndpoints: 1, serviceProxyHealthy: true },
		]);
	});

	it("refuses connections to a Service without endpoints, and forgets it when it is gone", async () => {
		await kubectl.apply(service("empty", { selector: { app: "nobody" } }));
		const ip = await clusterIp("empty");
		const outcome = () => inPod(left.name, "curl", "-sS", "--max-time", "3", `http://${ip}/`).then(String, (error: Error) => error.message);
		await eventually("a refusal", async () => (/Failed to connect .* after \d{1,3} ms/.test(await outcome()) ? true : undefined));
	});

	it("enforces NetworkPolicies, on the pod's own node and on others, while they stand", async () => {
		const label = (pod: string, text: string) => kubectl.run("label", "pod", pod, "--overwrite", text);
		const url = "http://web/";
		const reaches = async (node: string): Promise<boolean> => (await answers(node, url)).join() === nodes.join();
		const isCut = async (node: string): Promise<boolean> =>
			inPod(node, "curl", "-sS", "--max-time", "1", url).then(
				() => false,
				() => true,
			);
		const changes = (what: string, check: () => Promise<boolean>) => eventually(what, async () => ((await check()) ? true : undefined));
		const policy = (name: string, spec: NonNullable<NetworkPolicy["spec"]>): NetworkPolicy => ({
			apiVersion: "networking.k8s.io/v1",
			kind: "NetworkPolicy",
			metadata: { name },
			spec,
		});
		await changes("no policy", () => reaches(left.name));
		await kubectl.apply(policy("deny", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"] }));
		for (const node of nodes) await changes(`${node} is kept out`, () => isCut(node));
		await label(`client-${left.name}`, "role=friend");
		await kubectl.apply(
			policy("friends", {
				podSelector: { matchLabels: { app: "web" } },
				policyTypes: ["Ingress"],
				ingress: [{ from: [{ podSelector: { matchLabels: { role: "friend" } } }], ports: [{ port: "http" }] }],
			}),
		);
		await changes("a friend is let in", () => reaches(left.name));
		expect(await isCut(right.name)).toBe(true);
		await label(`client-${right.name}`, "role=friend");
		await changes("a new friend is let in", () => reaches(right.name));
		await kubectl.run("delete", "networkpolicy", "--all");
		for (const node of nodes) await changes(`${node} is let in again`, () => reaches(node));
		await kubectl.apply(
			policy("stay", { podSelector: { matchLabels: { role: "friend" } }, policyTypes: ["Egress"], egress: [{ ports: [{ port: 53, protocol: "UDP" }] }] }),
		);
		await changes("nothing goes out", () => isCut(left.name));
		expect(await inPod(left.name, "getent", "ahostsv4", "web")).toContain(await clusterIp("web"));
		await kubectl.run("delete", "networkpolicy", "--all");
		await changes("all goes out again", () => reaches(left.name));
	});

	it("rolls a Deployment over without a failed request", async () => {
		const load = kubectl.follow("exec", `client-${left.name}`, "--", "sh", "-c", "while :; do curl -sS --max-time 3 http://web/ || echo failed; done");
		await load.until(/(Hello[\s\S]*){20}/);
		await kubectl.run("set", "env", "deployment/web", "ROLLED=1");
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=120s");
		const before = load.text.length;
		await load.until(new RegExp(String.raw`[\s\S]{${before}}(Hello[\s\S]*){20}`));
		expect(load.text).not.toContain("failed");
		await load.stop();
	});
});
