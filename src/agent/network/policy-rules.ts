/**
 * NetworkPolicies as nftables rules: a chain for each direction of each pod of this node that a policy selects, and in it
 * what its policies let through. Pure: rows in, the text of a table out.
 */
import { type FamilyNetwork, inFamily, type NftFamily, nftFamilyOf } from "./nft-family.ts";
import { type NetworkRow, networkRowKey, type PodEntry } from "../../core/protocol/agent-protocol.ts";
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "../../core/schema/kubernetes.d.ts";
import { labelSelectorOf } from "../../core/selector/label-selector.ts";
import { requireAddress, requireNetwork, requirePort, requireProtocol } from "./nft.ts";

type PolicySpec = NonNullable<NetworkPolicy["spec"]>;
type Direction = "ingress" | "egress";

interface NamedPod extends PodEntry {
	namespace: string;
	name: string;
}

interface NamedPolicy {
	namespace: string;
	spec: PolicySpec;
}

/** The cluster's DNS answers on the node itself; to policies it is the pod that it is elsewhere. */
const dnsPod = (dnsAddress: string): NamedPod => ({
	namespace: "kube-system",
	name: "kube-dns",
	ips: [dnsAddress],
	labels: { "k8s-app": "kube-dns" },
	ports: { "UDP/dns": 53, "TCP/dns-tcp": 53 },
});

/** Where a rule leads to or comes from; undefined for anywhere. */
interface PeerMatch {
	/** In nft's words, before the ports. */
	condition: string;
	/** The pods meant, where they are pods: their named ports differ. */
	pods: NamedPod[] | undefined;
}

export class PolicyRules {
	readonly #pods = new Map<string, NamedPod>();
	readonly #namespaces = new Map<string, Record<string, string>>();
	readonly #policies = new Map<string, NamedPolicy>();
	readonly #isLocal: (ip: string) => boolean;
	readonly #log: (message: string) => void;
	readonly #network: FamilyNetwork;

	/** The rules of one IP family. */
	constructor(isLocal: (ip: string) => boolean, log: (message: string) => void, network: FamilyNetwork) {
		this.#isLocal = isLocal;
		this.#log = log;
		this.#network = network;
		this.#pods.set("pod/kube-system/kube-dns", dnsPod(network.dnsAddress));
	}

	/** Whether anything changed that policies depend on. */
	take(rows: readonly NetworkRow[]): boolean {
		let changed = false;
		for (const row of rows) {
			const key = networkRowKey(row);
			if (row.kind === "pod") {
				if (row.pod) this.#pods.set(key, { namespace: row.namespace, name: row.name, ...row.pod });
				else this.#pods.delete(key);
			} else if (row.kind === "namespace") {
				if (row.labels) this.#namespaces.set(row.name, row.labels);
				else this.#namespaces.delete(row.name);
			} else if (row.kind === "policy") {
				if (row.policy) this.#policies.set(key, { namespace: row.namespace, spec: row.policy });
				else this.#policies.delete(key);
			} else continue;
			changed = true;
		}
		return changed;
	}

	/** The table's chains; undefined when no policy selects a pod of this node. */
	table(name: string): string | undefined {
		const chains = new Map<string, string[]>();
		const verdicts: Record<Direction, string[]> = { ingress: [], egress: [] };
		for (const pod of this.#pods.values()) {
			for (const ip of pod.ips.filter(this.#isLocal)) {
				for (const direction of ["ingress", "egress"] as const) {
					const policies = this.#selecting(pod, direction);
					if (policies.length === 0) continue;
					const chain = `${direction}-${ip.replaceAll(":", "-")}`;
					verdicts[direction].push(`${requireAddress(ip, this.#family)} : jump ${chain}`);
					chains.set(chain, this.#podChain(pod, ip, direction, policies));
				}
			}
		}
		return chains.size === 0 ? undefined : tableText(name, chains, verdicts, this.#network);
	}

	#selecting(pod: NamedPod, direction: Direction): NamedPolicy[] {
		return [...this.#policies.values()].filter(
			({ namespace, spec }) => namespace === pod.namespace && appliesTo(spec, direction) && labelSelectorOf(spec.podSelector).matches(pod.labels),
		);
	}

	/** What reaches itself is let through; what no policy lets through is dropped. */
	#podChain(pod: NamedPod, ip: string, direction: Direction, policies: readonly NamedPolicy[]): string[] {
		const other = direction === "ingress" ? "saddr" : "daddr";
		const rules = new Set([`ip ${other} ${ip} accept`]);
		for (const policy of policies) {
			try {
				for (const rule of this.#rulesOf(pod, policy, direction)) rules.add(rule);
			} catch (error) {
				this.#log(`a NetworkPolicy of namespace ${policy.namespace} is not understood: ${(error as Error).message}`);
			}
		}
		return [...rules, "drop"];
	}

	#rulesOf(pod: NamedPod, { namespace, spec }: NamedPolicy, direction: Direction): string[] {
		const rules: { peers: NetworkPolicyPeer[]; ports: NetworkPolicyPort[] }[] =
			direction === "ingress"
				? (spec.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }))
				: (spec.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }));
		return rules.flatMap(({ peers, ports }) => {
			const matches = peers.length === 0 ? [{ condition: "", pods: undefined }] : peers.flatMap((peer) => this.#peer(peer, namespace, direction));
			return matches.flatMap((match) => this.#withPorts(match, ports, pod, direction));
		});
	}

	#peer(peer: NetworkPolicyPeer, namespace: string, direction: Direction): PeerMatch[] {
		const field = direction === "ingress" ? "ip saddr" : "ip daddr";
		if (peer.ipBlock) {
			if (nftFamilyOf(peer.ipBlock.cidr) !== this.#family) return [];
			const except = (peer.ipBlock.except ?? []).map((one) => ` ${field} != ${requireNetwork(one, this.#family)}`).join("");
			return [{ condition: `${field} ${requireNetwork(peer.ipBlock.cidr, this.#family)}${except}`, pods: undefined }];
		}
		const pods = this.#podsOf(peer, namespace);
		const ips = pods.flatMap((one) => this.#addressesOf(one));
		return ips.length === 0 ? [] : [{ condition: `${field} { ${[...new Set(ips)].join(", ")} }`, pods }];
	}

	get #family(): NftFamily {
		return this.#network.family;
	}

	#addressesOf = ({ ips }: NamedPod): string[] => ips.filter((ip) => nftFamilyOf(ip) === this.#family).map((ip) => requireAddress(ip, this.#family));

	/** Pods of the policy's own namespace, unless it selects others. */
	#podsOf({ podSelector, namespaceSelector }: NetworkPolicyPeer, namespace: string): NamedPod[] {
		const ofPod = podSelector ? labelSelectorOf(podSelector) : undefined;
		const ofNamespace = namespaceSelector ? labelSelectorOf(namespaceSelector) : undefined;
		return [...this.#pods.values()].filter((pod) => {
			const inNamespace = ofNamespace ? ofNamespace.matches(this.#namespaces.get(pod.namespace) ?? {}) : pod.namespace === namespace;
			return inNamespace && (ofPod?.matches(pod.labels) ?? true);
		});
	}

	#withPorts({ condition, pods }: PeerMatch, ports: readonly NetworkPolicyPort[], own: NamedPod, direction: Direction): string[] {
		if (ports.length === 0) return [`${condition} accept`.trim()];
		return ports.flatMap(({ protocol = "TCP", port, endPort }) => {
			const name = requireProtocol(protocol);
			const l4 = `meta l4proto ${name}`;
			if (port === undefined) return [`${condition} ${l4} accept`.trim()];
			if (typeof port === "number") {
				const range = endPort === undefined ? String(requirePort(port)) : `${requirePort(port)}-${requirePort(endPort)}`;
				return [`${condition} ${l4} th dport ${range} accept`.trim()];
			}
			// A named port is the receiving pod's: this one, or each of those that are meant.
			const key = `${protocol}/${port}`;
			if (direction === "ingress") return own.ports[key] === undefined ? [] : [`${condition} ${l4} th dport ${requirePort(own.ports[key])} accept`.trim()];
			const receivers = pods ?? [...this.#pods.values()];
			const named = receivers.flatMap((pod) =>
				pod.ports[key] === undefined ? [] : this.#addressesOf(pod).map((ip) => `${ip} . ${requirePort(pod.ports[key] ?? 0)}`),
			);
			return named.length === 0 ? [] : [`${l4} ip daddr . th dport { ${[...new Set(named)].join(", ")} } accept`];
		});
	}
}

/** policyTypes, whose default the API has filled in. */
const appliesTo = ({ policyTypes = ["Ingress"] }: PolicySpec, direction: Direction): boolean =>
	policyTypes.includes(direction === "ingress" ? "Ingress" : "Egress");

/**
 * What comes from the node itself reaches its pods whatever policies say, as its probes must, and its pods reach it: but for the
 * API and DNS, which are the node's only by their place.
 */
function tableText(
	name: string,
	chains: ReadonlyMap<string, readonly string[]>,
	{ ingress, egress }: Record<Direction, string[]>,
	{ family, apiAddress, dnsAddress }: FamilyNetwork,
): string {
	const map = (direction: string, elements: readonly string[]) =>
		elements.length === 0 ? "" : `${direction === "ingress" ? "ip daddr" : "ip saddr"} vmap { ${elements.join(", ")} }`;
	const texts = [...chains].map(([chain, rules]) => `	chain ${chain} {\n		${rules.join("\n		")}\n	}`);
	const table = `{
${texts.join("\n")}
	chain egress-own { ${map("egress", egress) || "return"}; }
	chain egress { type filter hook forward priority -6; policy accept; ct state established,related accept; ${map("egress", egress) || "return"}; }
	chain egress-here { type filter hook input priority -6; policy accept; ct state established,related accept; ip daddr { ${apiAddress}, ${dnsAddress} } jump egress-own; }
	chain ingress { type filter hook forward priority -5; policy accept; ct state established,related accept; ${map("ingress", ingress) || "return"}; }
}
`;
	return `table ${family} ${name} ${inFamily(family, table)}`;
}
