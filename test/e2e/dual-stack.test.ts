/** A cluster of both IP families on two nodes: pods, Services, DNS, node ports and NetworkPolicies work over IPv6 as over IPv4. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Node, NodeList, Pod, PodList, Service } from "../../src/core/schema/kubernetes.d.ts";
import { machinePod } from "./support/machine-pod.ts";
import { eventually, Petrel } from "./support/petrel.ts";
import { RemoteNode, testAddress } from "./support/remote-node.ts";
import { NO_TRACES, tracesOf } from "./support/traces.ts";

const NEAR = "node-a";
const PORT = 8080;
const [HOST_PORT, NODE_PORT] = [18_080, 30_116];
const ASKS = 10;
/** Of the machine, in no range of the cluster's. */
const OWN_ADDRESS = "fd00:198:18::254";
const RANGES = ["--cluster-cidr", "10.244.0.0/16,fd00:10:244::/56", "--service-cluster-ip-range", "10.96.0.0/16,fd00:10:96::/112"];

/** Answers over both families, saying who asks. */
const SERVER = [
	"use IO::Socket::IP; $SIG{TERM} = sub { exit 0 };",
	`my $s = IO::Socket::IP->new(LocalHost => '::', V6Only => 0, LocalPort => ${PORT}, Listen => 64, ReuseAddr => 1) or die;`,
	"while (1) { my $c = $s->accept or next; while (my $l = <$c>) { last if $l =~ /^\\r?\\n/ }",
	'my $t = "$ENV{HOSTNAME} to ".$c->peerhost."\\n"; print $c "HTTP/1.0 200 OK\\r\\nContent-Length: ".length($t)."\\r\\n\\r\\n$t"; close $c }',
].join(" ");

function server(node: string): Pod {
	const pod = machinePod(`web-${node}`, `exec perl -e '${SERVER.replaceAll("'", `'"'"'`)}'`);
	const [container] = pod.spec?.containers ?? [];
	if (container) {
		container.ports = [{ name: "http", containerPort: PORT, ...(node === NEAR ? { hostPort: HOST_PORT } : {}) }];
		container.readinessProbe = { httpGet: { port: "http" as unknown as number }, periodSeconds: 1 };
	}
	return on({ ...pod, metadata: { ...pod.metadata, labels: { app: "web" } } }, node);
}

const on = (pod: Pod, node: string): Pod => ({ ...pod, spec: { ...(pod.spec as NonNullable<Pod["spec"]>), nodeName: node } });
const service = (name: string, part: Partial<NonNullable<Service["spec"]>> = {}): Service => ({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name },
	spec: { selector: { app: "web" }, ipFamilyPolicy: "RequireDualStack", ports: [{ name: "http", port: 80, targetPort: PORT }], ...part },
});
const inUrl = (address: string): string => (address.includes(":") ? `[${address}]` : address);

describe("a cluster of both IP families", () => {
	const petrel = new Petrel();
	const { kubectl } = petrel;
	const far = new RemoteNode("node-b", 1);
	const nodes = [NEAR, far.name];
	const addresses = [`${testAddress(254)}/32`, `${OWN_ADDRESS}/128`];

	const inPod = (node: string, ...command: string[]): Promise<string> => kubectl.run("exec", `client-${node}`, "--", ...command);
	/** The pods that answered. */
	const answers = async (node: string, url: string): Promise<string[]> => {
		const text = await inPod(node, "sh", "-c", `for i in $(seq ${ASKS}); do curl -sS --max-time 3 '${url}' || echo failed; done`);
		return [...new Set(text.trim().split("\n"))].map((line) => line.split(" ")[0] ?? "").sort();
	};
	const all = nodes.map((node) => `web-${node}`);
	const eventuallyAll = (what: string, node: string, url: string) =>
		eventually(what, async () => ((await answers(node, url)).join() === all.join() ? true : undefined));
	const clusterIps = async (name: string): Promise<string[]> => (await kubectl.json<Service>("get", "service", name)).spec?.clusterIPs ?? [];

	beforeAll(async () => {
		for (const address of addresses) execFileSync("ip", ["address", "add", address, "dev", "lo"]);
		await petrel.up("--no-example", "--runtime", "containerd", "--listen", testAddress(254), "--node-name", NEAR, ...RANGES);
		const token = (await petrel.run("node", "token", "create")).trim();
		await far.start(petrel, petrel.data.runState()?.server ?? "", token);
		const isReady = ({ status }: Node) => status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True");
		await eventually("two ready nodes", async () => ((await kubectl.json<NodeList>("get", "nodes")).items.filter(isReady).length === 2 ? true : undefined));
		for (const node of nodes) {
			await kubectl.apply(server(node));
			await kubectl.apply(on(machinePod(`client-${node}`, "trap 'exit 0' TERM; while :; do sleep 0.2; done"), node));
		}
		await kubectl.apply(service("web"));
		await kubectl.run("wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s");
	});
	beforeEach(({ onTestFailed }) => {
		onTestFailed(() => {
			process.stderr.write(`${petrel.logs()}\n${far.logs()}\n`);
		});
	});
	afterAll(async () => {
		await far.dispose();
		await petrel.dispose();
		for (const address of addresses) execFileSync("ip", ["address", "delete", address, "dev", "lo"]);
		for (const directory of [petrel.data.path, far.directory]) expect(tracesOf(directory)).toEqual(NO_TRACES);
	});

	it("gives every pod an address of each family, by which others reach it across nodes", async () => {
		const { items } = await kubectl.json<PodList>("get", "pods", "-l", "app=web");
		for (const { metadata, spec, status } of items) {
			const { spec: node } = await kubectl.json<Node>("get", "node", spec?.nodeName ?? "");
			expect(node?.podCIDRs?.map((range) => range.includes(":"))).toEqual([false, true]);
			expect(status?.podIPs?.map(({ ip }) => ip.includes(":"))).toEqual([false, true]);
			for (const from of nodes)
				for (const { ip } of status?.podIPs ?? []) {
					const url = `http://${inUrl(ip)}:${PORT}/`;
					const text = await eventually(`${from} to ${url}`, () => inPod(from, "curl", "-sS", "--max-time", "2", url).catch(() => undefined));
					const own = (await kubectl.json<Pod>("get", "pod", `client-${from}`)).status?.podIPs?.map((one) => one.ip) ?? [];
					expect(text.trim()).toBe(`${metadata.name} to ${ip.includes(":") ? own[1] : `::ffff:${own[0]}`}`);
				}
		}
	});

	it("leads a Service's addresses of both families to all pods, from pods and from the node, and names them", async () => {
		const own = await clusterIps("web");
		expect(own.map((ip) => ip.includes(":"))).toEqual([false, true]);
		for (const node of nodes) {
			for (const ip of own) await eventuallyAll(`${node} to ${ip}`, node, `http://${inUrl(ip)}/`);
			expect(await inPod(node, "getent", "ahostsv6", "web")).toContain(own[1]);
			expect(await inPod(node, "getent", "ahostsv4", "web")).toContain(own[0]);
			expect(await inPod(node, "getent", "hosts", own[1] ?? "")).toContain("web.default.svc.cluster.local");
		}
		for (const ip of own) expect(await (await fetch(`http://${inUrl(ip)}/`)).text()).toMatch(/^web-node-/);
	});

	it("keeps a client to one pod where the Service says so, and refuses connections to one without pods", async () => {
		await kubectl.apply(service("kept", { sessionAffinity: "ClientIP" }));
		await kubectl.apply(service("empty", { selector: { app: "nobody" } }));
		const [, kept = ""] = await clusterIps("kept");
		await eventually("an answer", async () => ((await answers(far.name, `http://${inUrl(kept)}/`)).length === 1 ? true : undefined));
		const [, empty = ""] = await clusterIps("empty");
		const outcome = () => inPod(far.name, "curl", "-sS", "--max-time", "3", `http://${inUrl(empty)}/`).then(String, (error: Error) => error.message);
		await eventually("a refusal", async () => (/Failed to connect .* after \d{1,3} ms/.test(await outcome()) ? true : undefined));
	});

	it("opens node ports and host ports over IPv6, and those of one family's Service not", async () => {
		const ports = [{ port: 80, targetPort: PORT, nodePort: NODE_PORT }];
		await kubectl.apply(service("open", { type: "NodePort", ports }));
		await eventuallyAll("all pods", NEAR, `http://${inUrl(OWN_ADDRESS)}:${NODE_PORT}/`);
		expect(await answers(NEAR, `http://${inUrl(OWN_ADDRESS)}:${HOST_PORT}/`)).toEqual([`web-${NEAR}`]);
		await kubectl.run("delete", "service", "open");
		await kubectl.apply(service("open-4", { type: "NodePort", ports, ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"] }));
		await eventuallyAll("all pods", NEAR, `http://${testAddress(254)}:${NODE_PORT}/`);
		expect(await answers(NEAR, `http://${inUrl(OWN_ADDRESS)}:${NODE_PORT}/`)).toEqual(["failed"]);
	});

	it("enforces NetworkPolicies over both families", async () => {
		const urls = (await clusterIps("web")).map((ip) => `http://${inUrl(ip)}/`);
		const isCut = (node: string, url: string) =>
			inPod(node, "curl", "-sS", "--max-time", "1", url).then(
				() => undefined,
				() => true as const,
			);
		const policy = (name: string, ingress: object[]) => ({
			apiVersion: "networking.k8s.io/v1",
			kind: "NetworkPolicy",
			metadata: { name },
			spec: { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"], ingress },
		});
		await kubectl.apply(policy("deny", []));
		for (const node of nodes) for (const url of urls) await eventually(`${node} is kept from ${url}`, () => isCut(node, url));
		await kubectl.run("label", "pod", `client-${far.name}`, "role=friend");
		await kubectl.apply(policy("friends", [{ from: [{ podSelector: { matchLabels: { role: "friend" } } }], ports: [{ port: "http" }] }]));
		for (const url of urls) await eventuallyAll(`a friend to ${url}`, far.name, url);
		for (const url of urls) expect(await isCut(NEAR, url)).toBe(true);
		await kubectl.run("delete", "networkpolicy", "--all");
	});
});
