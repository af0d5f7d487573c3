/**
 * What pods need of the machine's own network besides their interfaces, which CNI's ptp plugin makes: the node's
 * address for what they send elsewhere, and host ports. One nft table for each IP family, which goes as a whole.
 */
import { forwardPackets } from "./forwarding.ts";
import { applyNft, deleteTable, requireAddress, requireNetwork, requirePort, requireProtocol } from "./nft.ts";
import { inFamily, NFT_FAMILIES, type NftFamily, nftFamilyOf } from "./nft-family.ts";

export interface HostPortRule {
	/** TCP, UDP or SCTP. */
	protocol: string;
	hostPort: number;
	podIp: string;
	containerPort: number;
}

interface Ranges {
	family: NftFamily;
	/** This node's and the cluster's. */
	own: string;
	cluster: string;
}

export class PodNetwork {
	readonly tableName: string;
	#ranges: Ranges[] = [];

	/** `instance` tells this agent's tables from others'. */
	constructor(instance: string) {
		this.tableName = `petrel-${instance}-pods`;
	}

	/** Idempotent; the host ports of an earlier run are set anew by `setHostPorts`. Ranges are the node's and the cluster's, of each family. */
	async start(podCidrs: readonly string[], clusterCidrs: readonly string[]): Promise<void> {
		this.#ranges = podCidrs.map((own) => {
			const family = nftFamilyOf(own);
			const cluster = clusterCidrs.find((one) => nftFamilyOf(one) === family) ?? own;
			return { family, own: requireNetwork(own, family), cluster: requireNetwork(cluster, family) };
		});
		for (const { family } of this.#ranges) await forwardPackets(family);
		await this.setHostPorts([]);
	}

	async setHostPorts(rules: readonly HostPortRule[]): Promise<void> {
		for (const ranges of this.#ranges) {
			const elements = rules
				.filter(({ podIp }) => nftFamilyOf(podIp) === ranges.family)
				.map((rule) => {
					const key = `${requireProtocol(rule.protocol)} . ${requirePort(rule.hostPort)}`;
					return `${key} : ${requireAddress(rule.podIp, ranges.family)} . ${requirePort(rule.containerPort)}`;
				});
			await forwardPackets(ranges.family, { toLoopback: elements.length > 0 });
			await applyNft(this.#tableText(ranges, elements));
		}
	}

	#tableText({ family, own, cluster }: Ranges, elements: readonly string[]): string {
		const table = `table ${family} ${this.tableName}`;
		const fromLoopback = family === "ip" ? `ip saddr 127.0.0.0/8 ip daddr ${own} masquerade;` : "";
		return `${table} {}
delete ${table}
${table} ${inFamily(
			family,
			`{
	map host-ports { type inet_proto . inet_service : ipv4_addr . inet_service; ${elements.length === 0 ? "" : `elements = { ${elements.join(", ")} };`} }
	chain host-port { dnat ip to meta l4proto . th dport map @host-ports; }
	chain prerouting { type nat hook prerouting priority -99; policy accept; meta l4proto { tcp, udp, sctp } fib daddr type local jump host-port; }
	chain output { type nat hook output priority -99; policy accept; meta l4proto { tcp, udp, sctp } fib daddr type local jump host-port; }
	chain postrouting {
		type nat hook postrouting priority 99; policy accept;
		ip saddr ${own} ip daddr != ${own} ip daddr != ${cluster} fib daddr type != { local, multicast, broadcast } masquerade;
		${fromLoopback}
		oifname "ptx-*" ip saddr != ${cluster} masquerade;
	}
}
`,
		)}`;
	}

	async stop(): Promise<void> {
		for (const family of NFT_FAMILIES) await deleteTable(this.tableName, family);
	}
}
