/** Services by nftables: one table per node, whose maps change in one transaction. */
import { writeFile } from "node:fs/promises";
import type { ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { applyNft, deleteTable } from "./nft.ts";
import { changeStatements, serviceTable, type ServiceTable } from "./nft-rules.ts";
import type { ServiceProxy } from "./service-proxy.ts";

/** Of a packet that came for a node port: it gets the node's address on its way out (kube-proxy's mark). */
const MASQUERADE_MARK = "0x4000";

/**
 * Node ports answer on 127.0.0.1 as well, for which route_localnet is needed; so what comes from outside for 127.0.0.0/8
 * is dropped here (CVE-2020-8558).
 */
function baseTable(name: string): string {
	return `table ip ${name} {
	map services { type ipv4_addr . inet_proto . inet_service : verdict; }
	map node-ports { type inet_proto . inet_service : verdict; }
	map endpoints { typeof ip daddr . meta l4proto . tcp dport . numgen random mod 2 : ip daddr . tcp dport; }
	map node-endpoints { typeof meta l4proto . tcp dport . numgen random mod 2 : ip daddr . tcp dport; }
	set rejected { type ipv4_addr . inet_proto . inet_service; }
	set rejected-node-ports { type inet_proto . inet_service; }
	set hairpins { type ipv4_addr . ipv4_addr; }
	chain translate {
		ip daddr . meta l4proto . th dport vmap @services;
		fib daddr type local meta l4proto . th dport vmap @node-ports;
	}
	chain mark-node-port { meta l4proto . th dport @node-ports meta mark set meta mark | ${MASQUERADE_MARK}; }
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		meta l4proto { tcp, udp, sctp } fib daddr type local jump mark-node-port;
		meta l4proto { tcp, udp, sctp } jump translate;
	}
	chain output {
		type nat hook output priority -100; policy accept;
		meta l4proto { tcp, udp, sctp } fib daddr type local jump mark-node-port;
		meta l4proto { tcp, udp, sctp } jump translate;
	}
	chain postrouting {
		type nat hook postrouting priority 98; policy accept;
		meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} masquerade;
		ct status dnat ip saddr . ip daddr @hairpins masquerade;
	}
	chain refuse {
		meta l4proto tcp reject with tcp reset;
		reject;
	}
	chain guard-loopback {
		ct status dnat return;
		drop;
	}
	chain refuse-services { meta l4proto { tcp, udp, sctp } ct state new ip daddr . meta l4proto . th dport @rejected goto refuse; }
	chain forward { type filter hook forward priority -10; policy accept; jump refuse-services; }
	chain local-output { type filter hook output priority -10; policy accept; jump refuse-services; }
	chain input {
		type filter hook input priority -10; policy accept;
		iifname != "lo" ip daddr 127.0.0.0/8 ip saddr != 127.0.0.0/8 jump guard-loopback;
		meta l4proto { tcp, udp, sctp } ct state new fib daddr type local meta l4proto . th dport @rejected-node-ports goto refuse;
	}
}
`;
}

export class NftProxy implements ServiceProxy {
	readonly tableName: string;
	#applied: ServiceTable | undefined;
	#log: (message: string) => void;

	/** `instance` tells this node's table from others' on the machine. */
	constructor(options: { instance: string; log?: (message: string) => void }) {
		this.tableName = `petrel-${options.instance}-services`;
		this.#log = options.log ?? (() => undefined);
	}

	async start(): Promise<void> {
		if (this.#applied !== undefined) return;
		await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
		await writeFile("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
		await applyNft(`table ip ${this.tableName} {}\ndelete table ip ${this.tableName}\n${baseTable(this.tableName)}`);
		this.#applied = serviceTable([], this.#log);
	}

	async apply(services: readonly ServiceEntry[]): Promise<void> {
		await this.start();
		const wanted = serviceTable(services, this.#log);
		const statements = changeStatements(`ip ${this.tableName}`, this.#applied, wanted);
		if (statements.length === 0) return;
		try {
			await applyNft(`${statements.join("\n")}\n`);
		} catch (error) {
			this.#log(`the Service table is made anew: ${(error as Error).message}`);
			const all = changeStatements(`ip ${this.tableName}`, undefined, wanted);
			await applyNft(`table ip ${this.tableName} {}\ndelete table ip ${this.tableName}\n${baseTable(this.tableName)}${all.join("\n")}\n`);
		}
		for (const [name, pick] of this.#applied?.picks ?? []) wanted.picks.set(name, pick);
		this.#applied = wanted;
	}

	async stop(): Promise<void> {
		await deleteTable(this.tableName);
		this.#applied = undefined;
	}
}
