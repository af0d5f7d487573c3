/** The nftables table of Services: its chains, and the change of its elements in one transaction. */
import { type FamilyNetwork, inFamily, type NftFamily } from "./nft-family.ts";
import { type Elements, type Pick, pickRules, type ServiceElements, SETS, type SetName } from "./nft-rules.ts";

/** Of a packet that gets the node's address on its way out (kube-proxy's mark). */
const MASQUERADE_MARK = "0x4000";
/** Clients whose endpoint is remembered at once. */
const AFFINITY_ENTRIES_MAX = 262_144;
const PROTOCOLS = "meta l4proto { tcp, udp, sctp }";
const ADDRESS_KEY = "ip daddr . meta l4proto . th dport";
const PORT_KEY = "meta l4proto . th dport";

export const stickySet = (seconds: number): string => `sticky-${seconds}`;

/** Where nothing but the node's own link to itself leads to Services' addresses, IPv6 has no way for what is to be passed on: it never gets to be refused. */
const BEFORE_ROUTING = {
	marks: "",
	chains: "	chain refuse-prerouting { type filter hook prerouting priority -10; policy accept; ct state new jump refuse-services; }\n",
};

/** What becomes of packets that no endpoint is for. */
const filters = (podCidr: string): string => `	chain refuse {
		meta l4proto tcp reject with tcp reset;
		reject;
	}
	chain guard {
		${ADDRESS_KEY} @dropped drop;
		${ADDRESS_KEY} @restricted ${ADDRESS_KEY} . ip saddr != @allowed-sources drop;
		ip saddr ${podCidr} return;
		fib saddr type local return;
		${ADDRESS_KEY} @dropped-outside drop;
		fib daddr type local ${PORT_KEY} @dropped-node-ports drop;
	}
	chain guard-prerouting { type filter hook prerouting priority -110; policy accept; ${PROTOCOLS} ct state new jump guard; }
	chain guard-output { type filter hook output priority -110; policy accept; ${PROTOCOLS} ct state new ${ADDRESS_KEY} @dropped drop; }
	chain refuse-services {
		${PROTOCOLS} ${ADDRESS_KEY} @rejected goto refuse;
		ip daddr @cluster-ips goto refuse;
	}
	chain forward { type filter hook forward priority -10; policy accept; ct state new jump refuse-services; }
	chain local-output { type filter hook output priority -10; policy accept; ct state new jump refuse-services; }
	chain input {
		type filter hook input priority -10; policy accept;
		${PROTOCOLS} ct state new fib daddr type local ${PORT_KEY} @rejected-node-ports goto refuse;
		${PROTOCOLS} ct state new ${ADDRESS_KEY} @rejected goto refuse;
	}
`;

/**
 * Node ports answer on 127.0.0.1 as well, for which route_localnet is needed; so what comes from outside for 127.0.0.0/8
 * is dropped here (CVE-2020-8558). IPv6 has nothing like it.
 */
const LOOPBACK = {
	marks: "ip saddr 127.0.0.0/8 jump to-masquerade;",
	chains: `	chain guard-loopback {
		ct status dnat return;
		drop;
	}
	chain loopback {
		type filter hook input priority -11; policy accept;
		iifname != "lo" ip daddr 127.0.0.0/8 ip saddr != 127.0.0.0/8 jump guard-loopback;
	}
`,
};

export function baseTable(name: string, { family, podCidr, apiAddress, dnsAddress }: FamilyNetwork): string {
	const own = family === "ip" ? LOOPBACK : BEFORE_ROUTING;
	const table = `{
	${Object.values(SETS).join("\n\t")}
	map affinity { type ipv4_addr . mark : ipv4_addr . inet_service; flags dynamic, timeout; size ${AFFINITY_ENTRIES_MAX}; }
	chain inside {
		${ADDRESS_KEY} vmap @inside-services;
		fib daddr type local ${PORT_KEY} vmap @inside-node-ports;
	}
	chain translate {
		ip saddr ${podCidr} jump inside;
		fib saddr type local jump inside;
		${ADDRESS_KEY} vmap @services;
		fib daddr type local ${PORT_KEY} vmap @node-ports;
	}
	chain to-masquerade { meta mark set meta mark | ${MASQUERADE_MARK}; }
	chain mark-outside {
		ip saddr != ${podCidr} ${ADDRESS_KEY} @masqueraded jump to-masquerade;
		fib daddr type local ${PORT_KEY} @masqueraded-node-ports jump to-masquerade;
	}
	chain mark-own-ports {
		${PORT_KEY} @masqueraded-node-ports jump to-masquerade;
		${own.marks}
	}
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		${PROTOCOLS} jump mark-outside;
		${PROTOCOLS} jump translate;
	}
	chain output {
		type nat hook output priority -100; policy accept;
		${PROTOCOLS} fib daddr type local jump mark-own-ports;
		${PROTOCOLS} jump translate;
	}
	chain remember { type filter hook postrouting priority 90; policy accept; }
	chain postrouting {
		type nat hook postrouting priority 98; policy accept;
		ct status dnat meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} masquerade;
		ct status dnat ip saddr . ip daddr @hairpins masquerade;
		oifname != "lo" ip saddr { ${apiAddress}, ${dnsAddress} } ct status dnat masquerade;
	}
${own.chains}${filters(podCidr)}}
`;
	return `table ${family} ${name} ${inFamily(family, table)}`;
}

/** The elements of all Services; what several of them say is there once. */
export class ServiceTable {
	readonly #table: string;
	readonly #family: NftFamily;
	readonly #services = new Map<string, ServiceElements>();
	/** How many Services say an element: by set and key. */
	readonly #counts = new Map<string, number>();
	readonly #values = new Map<string, string>();
	/** Chains that there are, and how many Services lead to each. */
	readonly #picks = new Map<string, number>();
	readonly #timeouts = new Set<number>();

	constructor(table: string, family: NftFamily = "ip") {
		this.#table = `${family} ${table}`;
		this.#family = family;
	}

	elementsOf(service: string): ServiceElements | undefined {
		return this.#services.get(service);
	}

	/** Statements that take Services in, or out where they are undefined; their cost is that of what changed. */
	change(services: ReadonlyMap<string, ServiceElements | undefined>): string[] {
		const prepare: string[] = [];
		const touched = new Map<SetName, Map<string, string | undefined>>();
		const touch = (set: SetName, key: string) => {
			const keys = touched.get(set) ?? new Map<string, string | undefined>();
			touched.set(set, keys);
			if (!keys.has(key)) keys.set(key, this.#values.get(`${set} ${key}`));
		};
		for (const service of services.keys()) {
			for (const name of this.#services.get(service)?.picks.keys() ?? []) this.#picks.set(name, (this.#picks.get(name) ?? 0) - 1);
			this.#each(this.#services.get(service), (set, key) => {
				touch(set, key);
				this.#forget(set, key);
			});
		}
		for (const [service, elements] of services) {
			if (elements) this.#services.set(service, elements);
			else this.#services.delete(service);
			this.#each(elements, (set, key, value) => {
				touch(set, key);
				this.#note(set, key, value);
			});
			for (const [name, pick] of elements?.picks ?? []) prepare.push(...this.#pick(name, pick));
			for (const [mark, seconds] of elements?.stickiness ?? []) prepare.push(...this.#stick(mark, seconds));
		}
		return [...prepare, ...[...touched].flatMap(([set, keys]) => this.#statements(set, keys)), ...this.#removePicks()];
	}

	/** Everything, for a table that was just made. */
	all(): string[] {
		const services = new Map(this.#services);
		for (const kept of [this.#services, this.#counts, this.#values, this.#picks, this.#timeouts]) kept.clear();
		return this.change(services);
	}

	#each(elements: ServiceElements | undefined, visit: (set: SetName, key: string, value: string) => void): void {
		for (const [set, own] of elements?.sets ?? []) for (const [key, value] of own) visit(set, key, value);
	}

	#note(set: SetName, key: string, value: string): void {
		const id = `${set} ${key}`;
		this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
		// Of two Services that want the same address and port, the first has it.
		if (!this.#values.has(id)) this.#values.set(id, value);
	}

	#forget(set: SetName, key: string): void {
		const id = `${set} ${key}`;
		const count = (this.#counts.get(id) ?? 0) - 1;
		if (count > 0) {
			this.#counts.set(id, count);
			return;
		}
		this.#counts.delete(id);
		this.#values.delete(id);
	}

	#pick(name: string, pick: Pick): string[] {
		const count = this.#picks.get(name);
		this.#picks.set(name, (count ?? 0) + 1);
		if (count !== undefined) return [];
		return [
			`add chain ${this.#table} ${name}`,
			`flush chain ${this.#table} ${name}`,
			...pickRules(pick, this.#family).map((rule) => `add rule ${this.#table} ${name} ${inFamily(this.#family, rule)}`),
		];
	}

	/** Once no verdict names them any more. */
	#removePicks(): string[] {
		const unused = [...this.#picks].flatMap(([name, count]) => (count === 0 ? [name] : []));
		for (const name of unused) this.#picks.delete(name);
		return unused.flatMap((name) => [`flush chain ${this.#table} ${name}`, `delete chain ${this.#table} ${name}`]);
	}

	#stick(mark: string, seconds: number): string[] {
		const set = stickySet(seconds);
		const add = `add element ${this.#table} ${set} { ${mark} }`;
		if (this.#timeouts.has(seconds)) return [add];
		this.#timeouts.add(seconds);
		const key = "ct original ip saddr . ct mark";
		const rule = `ct state new ct status dnat ${PROTOCOLS} ct mark @${set} update @affinity { ${key} timeout ${seconds}s : ip daddr . th dport }`;
		return [`add set ${this.#table} ${set} { type mark; }`, `add rule ${this.#table} remember ${inFamily(this.#family, rule)}`, add];
	}

	/** Deletions first, as keys may stay with another value. */
	#statements(set: SetName, keys: ReadonlyMap<string, string | undefined>): string[] {
		const changed = [...keys].filter(([key, before]) => before !== this.#values.get(`${set} ${key}`));
		const gone = changed.flatMap(([key, before]) => (before === undefined ? [] : [key]));
		const fresh: Elements = new Map(
			changed.flatMap(([key]) => {
				const value = this.#values.get(`${set} ${key}`);
				return value === undefined ? [] : [[key, value] as const];
			}),
		);
		const name = `${this.#table} ${set}`;
		return [
			...(gone.length > 0 ? [`delete element ${name} { ${gone.join(", ")} }`] : []),
			...(fresh.size > 0 ? [`add element ${name} { ${[...fresh].map(([key, value]) => (value === "" ? key : `${key} : ${value}`)).join(", ")} }`] : []),
		];
	}
}
