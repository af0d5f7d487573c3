import { describe, expect, test } from "vitest";
import type { NetworkRow } from "../../core/protocol/agent-protocol.ts";
import type { NetworkPolicy } from "../../core/schema/kubernetes.d.ts";
import { DEFAULT_FAMILY_NETWORK } from "./nft-family.ts";
import { PolicyRules } from "./policy-rules.ts";

type Spec = NonNullable<NetworkPolicy["spec"]>;

const pod = (name: string, ip: string, labels: Record<string, string>, namespace = "default"): NetworkRow => ({
	kind: "pod",
	namespace,
	name,
	pod: { ips: [ip], labels, ports: { "TCP/http": 8080 } },
});
const ROWS: NetworkRow[] = [
	{ kind: "namespace", name: "default", labels: { env: "dev" } },
	{ kind: "namespace", name: "other", labels: { env: "prod" } },
	pod("web", "10.244.1.2", { app: "web" }),
	pod("friend", "10.244.2.3", { role: "friend" }),
	pod("stranger", "10.244.2.4", { role: "friend" }, "other"),
];

/** The chains of the table, without what every one has. */
function chains(...specs: Spec[]): Record<string, string[]> {
	const rules = new PolicyRules(
		(ip) => ip.startsWith("10.244.1."),
		(message) => expect.fail(message),
		DEFAULT_FAMILY_NETWORK,
	);
	rules.take([...ROWS, ...specs.map((policy, index): NetworkRow => ({ kind: "policy", namespace: "default", name: `p${index}`, policy }))]);
	const text = rules.table("t") ?? "";
	const found = [...text.matchAll(/chain ((?:in|e)gress-10\S+) \{\n([\s\S]*?)\n\t\}/g)];
	return Object.fromEntries(
		found.map(([, name = "", body = ""]) => [
			name,
			body
				.split("\n")
				.map((line) => line.trim())
				.slice(1, -1),
		]),
	);
}

const web = { matchLabels: { app: "web" } };

describe("NetworkPolicies", () => {
	test("no policy, no table; a policy about pods of other nodes neither", () => {
		expect(chains()).toEqual({});
		expect(chains({ podSelector: { matchLabels: { role: "friend" } }, policyTypes: ["Ingress"] })).toEqual({});
	});

	test("a pod that is selected lets nothing in but what policies say, of all of them together", () => {
		expect(chains({ podSelector: {}, policyTypes: ["Ingress"] })).toEqual({ "ingress-10.244.1.2": [] });
		const friends: Spec = { podSelector: web, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: { matchLabels: { role: "friend" } } }] }] };
		const ports: Spec = {
			podSelector: web,
			policyTypes: ["Ingress"],
			ingress: [{ ports: [{ port: 443 }, { port: "http" }, { port: 1000, endPort: 1010, protocol: "UDP" }] }],
		};
		expect(chains(friends, ports)).toEqual({
			"ingress-10.244.1.2": [
				"ip saddr { 10.244.2.3 } accept",
				"meta l4proto tcp th dport 443 accept",
				"meta l4proto tcp th dport 8080 accept",
				"meta l4proto udp th dport 1000-1010 accept",
			],
		});
	});

	test("namespaces are selected by their labels, and pods in them", () => {
		const from = (peer: object): string[] | undefined =>
			chains({ podSelector: web, policyTypes: ["Ingress"], ingress: [{ from: [peer] }] })["ingress-10.244.1.2"];
		expect(from({ namespaceSelector: { matchLabels: { env: "prod" } } })).toEqual(["ip saddr { 10.244.2.4 } accept"]);
		expect(from({ namespaceSelector: {}, podSelector: { matchLabels: { role: "friend" } } })).toEqual(["ip saddr { 10.244.2.3, 10.244.2.4 } accept"]);
		expect(from({ podSelector: { matchLabels: { role: "nobody" } } })).toEqual([]);
	});

	test("blocks of addresses, with what is left out of them", () => {
		const egress: Spec = {
			podSelector: web,
			policyTypes: ["Egress"],
			egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.9.0.0/16"] } }], ports: [{ port: 80 }] }],
		};
		expect(chains(egress)).toEqual({ "egress-10.244.1.2": ["ip daddr 10.0.0.0/8 ip daddr != 10.9.0.0/16 meta l4proto tcp th dport 80 accept"] });
	});

	test("a named port is each receiver's own; the cluster's DNS is a pod of kube-system", () => {
		const named: Spec = { podSelector: web, policyTypes: ["Egress"], egress: [{ to: [{ podSelector: {} }], ports: [{ port: "http" }] }] };
		expect(chains(named)["egress-10.244.1.2"]).toEqual(["meta l4proto tcp ip daddr . th dport { 10.244.1.2 . 8080, 10.244.2.3 . 8080 } accept"]);
		const dns: Spec = {
			podSelector: web,
			policyTypes: ["Egress"],
			egress: [{ to: [{ namespaceSelector: {}, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }] }],
		};
		expect(chains(dns)["egress-10.244.1.2"]).toEqual(["ip daddr { 10.96.0.10 } accept"]);
	});
});
