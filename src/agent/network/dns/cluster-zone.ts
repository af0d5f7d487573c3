/**
 * The cluster's DNS zone: what CoreDNS's kubernetes plugin answers (github.com/kubernetes/dns, docs/specification.md), out of
 * the network table. Pure: a question in, records out.
 */
import { isIPv4, isIPv6 } from "node:net";
import { addressRange } from "../../../core/meta/address-range.ts";
import type { ServiceEntry } from "../../../core/protocol/agent-protocol.ts";
import { DEFAULT_NETWORK, dnsAddresses } from "../../../core/protocol/cluster-addresses.ts";
import { serviceAddresses } from "../service-families.ts";
import { type RecordData, RCODE, type Reply, type ResourceRecord, TYPE } from "./dns-message.ts";

/** Seconds; of negative answers as well (kubeadm's Corefile). */
const TTL = 30;
/** SOA, as CoreDNS gives it. */
const [REFRESH, RETRY, EXPIRE] = [7200, 1800, 86_400];
const IPV6_DIGITS = 32;
const SCHEMA_VERSION = "1.1.0";
const [REVERSE_ZONE, REVERSE_ZONE_6] = [".in-addr.arpa", ".ip6.arpa"];

export interface Host {
	ip: string;
	/** As the pod's; else made from the address. */
	hostname?: string;
}

/** What the zone says of a name; "outside" when it is not the zone's to say. */
export type Answer = Reply | "outside" | { alias: string; reply: Reply };

interface Target {
	ip: string;
	port: number;
	/** Below the Service's name, for a headless one. */
	label: string;
}

const dashed = (ip: string): string => ip.replaceAll(".", "-").replaceAll(":", "-");
const labelOf = ({ ip, hostname }: Host): string => (hostname ?? dashed(ip)).toLowerCase();
const isHeadless = ({ clusterIP }: ServiceEntry): boolean => clusterIP === "None";
const addressData = (ip: string): RecordData => (isIPv4(ip) ? { type: TYPE.A, address: ip } : { type: TYPE.AAAA, address: ip });

/** The name under which an address is looked up (RFC 1035 and 3596). */
function pointerKey(ip: string): string {
	if (isIPv4(ip)) return `${ip.split(".").reverse().join(".")}${REVERSE_ZONE}`;
	const digits = (addressRange(`${ip}/128`)?.start ?? 0n).toString(16).padStart(IPV6_DIGITS, "0");
	return `${[...digits].reverse().join(".")}${REVERSE_ZONE_6}`;
}

export class ClusterZone {
	readonly #zone: string;
	readonly #services = new Map<string, ServiceEntry>();
	/** Services by namespace: a name of a namespace exists though it has no records. */
	readonly #namespaces = new Map<string, number>();
	/** Names of the zone by address. */
	readonly #reverse = new Map<string, Set<string>>();
	/** Of the cluster's DNS. */
	readonly #servers: readonly string[];
	#serial = 0;

	/** `domain` without dots at its ends. */
	constructor(domain: string, servers: readonly string[] = dnsAddresses(DEFAULT_NETWORK)) {
		this.#zone = domain.toLowerCase();
		this.#servers = servers;
	}

	/** Takes a Service in; undefined takes it out. Costs what the Service costs. */
	set(namespace: string, name: string, service: ServiceEntry | undefined): void {
		const key = `${namespace}/${name}`;
		const old = this.#services.get(key);
		if (old) {
			for (const [ip, pointed] of this.#pointers(old)) this.#unpoint(ip, pointed);
			this.#count(namespace, -1);
		}
		this.#services.delete(key);
		this.#serial = Math.floor(Date.now() / 1000);
		if (!service) return;
		this.#services.set(key, service);
		this.#count(namespace, 1);
		for (const [ip, pointed] of this.#pointers(service)) this.#reverse.set(ip, (this.#reverse.get(ip) ?? new Set()).add(pointed));
	}

	#count(namespace: string, by: number): void {
		const count = (this.#namespaces.get(namespace) ?? 0) + by;
		if (count > 0) this.#namespaces.set(namespace, count);
		else this.#namespaces.delete(namespace);
	}

	#unpoint(ip: string, name: string): void {
		const names = this.#reverse.get(ip);
		names?.delete(name);
		if (names?.size === 0) this.#reverse.delete(ip);
	}

	#pointers(service: ServiceEntry): [ip: string, name: string][] {
		const own = `${service.name}.${service.namespace}.svc.${this.#zone}`;
		if (!isHeadless(service)) return serviceAddresses(service).map((ip) => [pointerKey(ip), own]);
		return hostsOf(service).map((host) => [pointerKey(host.ip), `${labelOf(host)}.${own}`]);
	}

	answer(name: string, type: number): Answer {
		const asked = name.toLowerCase();
		if (asked.endsWith(REVERSE_ZONE) || asked.endsWith(REVERSE_ZONE_6)) return this.#answerPointer(asked, type);
		if (asked !== this.#zone && !asked.endsWith(`.${this.#zone}`)) return "outside";
		const labels = asked === this.#zone ? [] : asked.slice(0, -this.#zone.length - 1).split(".");
		const found = this.#find(labels, type);
		if (found === undefined) return this.#negative(RCODE.NXDOMAIN);
		if ("alias" in found) return { alias: found.alias, reply: this.#positive([this.#record(name, { type: TYPE.CNAME, target: found.alias })]) };
		const answers = found.records.filter(({ type: own }) => own === type || type === TYPE.ANY).map((data) => this.#record(name, data));
		if (answers.length === 0) return this.#negative(RCODE.NOERROR);
		return this.#positive(answers, found.additionals);
	}

	/** Addresses that are no Service's are somebody else's to name. */
	#answerPointer(asked: string, type: number): Answer {
		const names = this.#reverse.get(asked);
		if (!names) return "outside";
		if (type !== TYPE.PTR && type !== TYPE.ANY) return this.#negative(RCODE.NOERROR);
		return this.#positive([...names].map((target) => this.#record(asked, { type: TYPE.PTR, target })));
	}

	/** What stands at a name of the zone; undefined when there is no such name. */
	#find(labels: readonly string[], type: number): { records: RecordData[]; additionals?: ResourceRecord[] } | { alias: string } | undefined {
		const [last, namespace, ...rest] = labels.toReversed();
		if (last === undefined) return { records: [this.#soa().data, { type: TYPE.NS, target: `ns.dns.${this.#zone}` }] };
		if (last === "dns-version" && namespace === undefined) return { records: [{ type: TYPE.TXT, text: SCHEMA_VERSION }] };
		if (last === "dns") return this.#findServer(namespace, rest);
		if (last === "pod") return findPod(namespace, rest);
		if (last !== "svc") return undefined;
		if (namespace === undefined) return { records: [] };
		if (rest.length === 0) return this.#namespaces.has(namespace) ? { records: [] } : undefined;
		const service = this.#services.get(`${namespace}/${rest[0]}`);
		return service && this.#findService(service, rest.slice(1), type);
	}

	#findServer(label: string | undefined, rest: readonly string[]) {
		if (rest.length > 0) return undefined;
		if (label === undefined) return { records: [] };
		return label === "ns" ? { records: this.#servers.map(addressData) } : undefined;
	}

	/** `rest` are the labels below the Service's name, the nearest first. */
	#findService(service: ServiceEntry, rest: readonly string[], type: number) {
		if (service.type === "ExternalName") return rest.length === 0 ? { alias: (service.externalName ?? "").replace(/\.$/, "") } : undefined;
		const [first, second] = rest;
		if (rest.length === 0) return this.#ofWhole(service, type);
		if (rest.length === 2 && first?.startsWith("_") && second?.startsWith("_")) return this.#ports(service, second.slice(1), first.slice(1));
		if (rest.length === 1 && first !== undefined && !first.startsWith("_")) {
			const hosts = hostsOf(service).filter((host) => labelOf(host) === first);
			return hosts.length === 0 ? undefined : { records: hosts.map(({ ip }) => addressData(ip)) };
		}
		return undefined;
	}

	#ofWhole(service: ServiceEntry, type: number) {
		if (type === TYPE.SRV) return this.#ports(service, undefined, undefined) ?? { records: [] };
		if (!isHeadless(service)) return { records: serviceAddresses(service).map(addressData) };
		const hosts = hostsOf(service);
		return hosts.length === 0 ? undefined : { records: hosts.map(({ ip }) => addressData(ip)) };
	}

	/** SRV records of the ports that are asked for, all of them without a name. */
	#ports(service: ServiceEntry, name: string | undefined, protocol: string | undefined) {
		const own = `${service.name}.${service.namespace}.svc.${this.#zone}`;
		const ports = service.ports.filter((port) => name === undefined || (port.name === name && port.protocol.toLowerCase() === protocol));
		const targets: Target[] = ports.flatMap((port) =>
			isHeadless(service)
				? port.endpoints.map((endpoint) => ({ ip: endpoint.ip, port: endpoint.port, label: `${labelOf(endpoint)}.` }))
				: serviceAddresses(service).map((ip) => ({ ip, port: port.port, label: "" })),
		);
		if (targets.length === 0) return undefined;
		// A name with an address of each family is one target.
		const distinct = [...new Map(targets.map((target) => [`${target.label} ${target.port}`, target])).values()];
		const weight = Math.max(1, Math.floor(100 / distinct.length));
		const records = distinct.map(({ port, label }): RecordData => ({ type: TYPE.SRV, priority: 0, weight, port, target: `${label}${own}` }));
		const addresses = new Map(targets.map(({ ip, label }) => [`${label} ${ip}`, { ip, target: `${label}${own}` }]));
		return { records, additionals: [...addresses.values()].map(({ target, ip }) => this.#record(target, addressData(ip))) };
	}

	#record = (name: string, data: RecordData): ResourceRecord => ({ name, ttl: TTL, data });

	#positive(answers: ResourceRecord[], additionals: ResourceRecord[] = []): Reply {
		return { rcode: RCODE.NOERROR, authoritative: true, answers, authorities: [], additionals };
	}

	#negative(rcode: number): Reply {
		return { rcode, authoritative: true, answers: [], authorities: [this.#soa()], additionals: [] };
	}

	#soa(): ResourceRecord {
		const [primary, mailbox] = [`ns.dns.${this.#zone}`, `hostmaster.${this.#zone}`];
		return this.#record(this.#zone, { type: TYPE.SOA, primary, mailbox, serial: this.#serial, refresh: REFRESH, retry: RETRY, expire: EXPIRE, minimum: TTL });
	}
}

/** A headless Service's hosts; of another one its endpoints, which have names too. */
function hostsOf(service: ServiceEntry): Host[] {
	if (service.hosts) return service.hosts;
	const byIp = new Map(service.ports.flatMap(({ endpoints }) => endpoints.map((endpoint): [string, Host] => [endpoint.ip, endpoint])));
	return [...byIp.values()];
}

/** `10-1-2-3.namespace.pod`: the address that the name itself says. */
function findPod(namespace: string | undefined, rest: readonly string[]) {
	if (namespace === undefined || rest.length === 0) return { records: [] };
	const label = rest[0] ?? "";
	const ip = [label.replaceAll("-", "."), label.replaceAll("-", ":")].find((one) => isIPv4(one) || isIPv6(one));
	return rest.length === 1 && ip !== undefined ? { records: [addressData(ip)] } : undefined;
}
