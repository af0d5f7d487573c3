/**
 * What pods need of the machine's own network besides their interfaces, which CNI's ptp plugin makes: the node's
 * address for what they send elsewhere, and host ports. One nft table that goes as a whole.
 */
import { writeFile } from "node:fs/promises";
import { POD_CIDR } from "../../core/protocol/cluster-addresses.ts";
import { applyNft, deleteTable, requireAddress, requireNetwork, requirePort, requireProtocol } from "./nft.ts";

export interface HostPortRule {
	/** TCP, UDP or SCTP. */
	protocol: string;
	hostPort: number;
	podIp: string;
	containerPort: number;
}

export class PodNetwork {
	readonly tableName: string;
	#podCidr = "";

	/** `instance` tells this agent's table from others'. */
	constructor(instance: string) {
		this.tableName = `petrel-${instance}-pods`;
	}

	/** Idempotent; the host ports of an earlier run are set anew by `setHostPorts`. */
	async start(podCidr: string): Promise<void> {
		this.#podCidr = requireNetwork(podCidr);
		await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
		await this.setHostPorts([]);
	}

	async setHostPorts(rules: readonly HostPortRule[]): Promise<void> {
		if (this.#podCidr === "") return;
		const elements = rules.map((rule) => {
			const key = `${requireProtocol(rule.protocol)} . ${requirePort(rule.hostPort)}`;
			return `${key} : ${requireAddress(rule.podIp)} . ${requirePort(rule.containerPort)}`;
		});
		if (elements.length > 0) await writeFile("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
		const table = `table ip ${this.tableName}`;
		await applyNft(`${table} {}
delete ${table}
${table} {
	map host-ports { type inet_proto . inet_service : ipv4_addr . inet_service; ${elements.length === 0 ? "" : `elements = { ${elements.join(", ")} };`} }
	chain host-port { dnat ip to meta l4proto . th dport map @host-ports; }
	chain prerouting { type nat hook prerouting priority -99; policy accept; meta l4proto { tcp, udp, sctp } fib daddr type local jump host-port; }
	chain output { type nat hook output priority -99; policy accept; meta l4proto { tcp, udp, sctp } fib daddr type local jump host-port; }
	chain postrouting {
		type nat hook postrouting priority 99; policy accept;
		ip saddr ${this.#podCidr} ip daddr != ${this.#podCidr} ip daddr != ${POD_CIDR} fib daddr type != { local, multicast, broadcast } masquerade;
		ip saddr 127.0.0.0/8 ip daddr ${this.#podCidr} masquerade;
		oifname "ptx-*" ip saddr != ${POD_CIDR} masquerade;
	}
}
`);
	}

	async stop(): Promise<void> {
		await deleteTable(this.tableName);
	}
}
