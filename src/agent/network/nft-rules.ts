/**
 * What one Service puts into the Service table, as data: elements of its sets and maps. One rule per number of endpoints
 * picks one at random out of a map, so the rules do not grow with the Services, and a change costs what changed.
 */
import type { EndpointEntry, PortEntry, ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import type { NftFamily } from "./nft-family.ts";
import { requireAddress, requireNetwork, requirePort, requireProtocol } from "./nft.ts";

/** Services with more endpoints use the first ones: a rule exists for each number of endpoints. */
export const ENDPOINTS_MAX = 1000;

/** Elements by key; a set's have an empty value. */
export type Elements = Map<string, string>;

/** Maps of endpoints: by address or by node port, for everybody or for who is inside the cluster. */
export const ENDPOINT_MAPS = ["endpoints", "node-endpoints", "inside-endpoints", "inside-node-endpoints"] as const;
export type EndpointMap = (typeof ENDPOINT_MAPS)[number];

const ADDRESS = "ipv4_addr . inet_proto . inet_service";
const PORT = "inet_proto . inet_service";

/** All sets and maps with fixed names, as nft declares them. */
export const SETS = {
	services: `map services { type ${ADDRESS} : verdict; }`,
	"node-ports": `map node-ports { type ${PORT} : verdict; }`,
	"inside-services": `map inside-services { type ${ADDRESS} : verdict; }`,
	"inside-node-ports": `map inside-node-ports { type ${PORT} : verdict; }`,
	endpoints: "map endpoints { typeof ip daddr . meta l4proto . tcp dport . numgen random mod 2 : ip daddr . tcp dport; }",
	"node-endpoints": "map node-endpoints { typeof meta l4proto . tcp dport . numgen random mod 2 : ip daddr . tcp dport; }",
	"inside-endpoints": "map inside-endpoints { typeof ip daddr . meta l4proto . tcp dport . numgen random mod 2 : ip daddr . tcp dport; }",
	"inside-node-endpoints": "map inside-node-endpoints { typeof meta l4proto . tcp dport . numgen random mod 2 : ip daddr . tcp dport; }",
	/** No endpoints anywhere: refused. */
	rejected: `set rejected { type ${ADDRESS}; }`,
	"rejected-node-ports": `set rejected-node-ports { type ${PORT}; }`,
	/** None on this node, by a Local policy: another node may have some, so nothing is said. */
	dropped: `set dropped { type ${ADDRESS}; }`,
	"dropped-outside": `set dropped-outside { type ${ADDRESS}; }`,
	"dropped-node-ports": `set dropped-node-ports { type ${PORT}; }`,
	/** From outside: the endpoint sees the node's address, as it may be another node's. */
	masqueraded: `set masqueraded { type ${ADDRESS}; }`,
	"masqueraded-node-ports": `set masqueraded-node-ports { type ${PORT}; }`,
	"cluster-ips": "set cluster-ips { type ipv4_addr; }",
	restricted: `set restricted { type ${ADDRESS}; }`,
	"allowed-sources": `set allowed-sources { type ${ADDRESS} . ipv4_addr; flags interval; }`,
	"sticky-ids": `map sticky-ids { type ${ADDRESS} : mark; }`,
	"sticky-node-ids": `map sticky-node-ids { type ${PORT} : mark; }`,
	/** A pod that reaches itself through a Service. */
	hairpins: "set hairpins { type ipv4_addr . ipv4_addr; }",
} as const;

export type SetName = keyof typeof SETS;

export interface Pick {
	map: EndpointMap;
	count: number;
	sticky: boolean;
}

export interface ServiceElements {
	sets: Map<SetName, Elements>;
	/** Chains that its verdicts name. */
	picks: Map<string, Pick>;
	/** Marks of its sticky ports and their timeouts in seconds. */
	stickiness: Map<string, number>;
	/** The endpoints behind each address and port, "address . protocol . port" or "protocol . port". */
	backends: Map<string, Set<string>>;
}

/** What of the node decides which endpoints it uses. */
export interface NodeView {
	name: string;
	/** Of the table: a Service's addresses and endpoints of the other family are another table's. */
	family: NftFamily;
	/** undefined when the node is in none that is known. */
	zoneOf(node: string): string | undefined;
	/** A mark of its own for an address and port. */
	stickyMark(key: string): string;
}

class Contribution implements ServiceElements {
	readonly sets = new Map<SetName, Elements>();
	readonly picks = new Map<string, Pick>();
	readonly stickiness = new Map<string, number>();
	readonly backends = new Map<string, Set<string>>();
	readonly #node: NodeView;

	constructor(node: NodeView) {
		this.#node = node;
	}

	put(set: SetName, key: string, value = ""): void {
		const elements = this.sets.get(set) ?? new Map<string, string>();
		this.sets.set(set, elements.set(key, value));
	}

	/** `key` leads to one of `endpoints`. */
	lead(service: ServiceEntry, key: string, verdicts: SetName, map: EndpointMap, endpoints: readonly EndpointEntry[]): void {
		const sticky = service.sessionAffinity === "ClientIP";
		const chain = `${map}-${sticky ? "stick" : "pick"}-${endpoints.length}`;
		this.picks.set(chain, { map, count: endpoints.length, sticky });
		this.put(verdicts, key, `goto ${chain}`);
		const backends = this.backends.get(key) ?? new Set<string>();
		for (const [index, { ip, port }] of endpoints.entries()) {
			const endpoint = `${requireAddress(ip, this.#node.family)} . ${requirePort(port)}`;
			this.put(map, `${key} . ${index}`, endpoint);
			this.put("hairpins", `${ip} . ${ip}`);
			backends.add(endpoint);
		}
		this.backends.set(key, backends);
		if (!sticky || this.#node.family === "ip6") return;
		const mark = this.#node.stickyMark(key);
		this.put(map.includes("node") ? "sticky-node-ids" : "sticky-ids", key, mark);
		this.stickiness.set(mark, service.affinityTimeoutSeconds);
	}
}

/** Those on this node; while none of them is ready, those that are shutting down and still serve. */
function localEndpoints({ endpoints, draining = [] }: PortEntry, { name }: NodeView): EndpointEntry[] {
	const own = endpoints.filter(({ node }) => node === name);
	return own.length > 0 ? own : draining.filter(({ node }) => node === name);
}

/** Near ones, where the Service prefers them and there are some (service.spec.trafficDistribution). */
function nearEndpoints(service: ServiceEntry, { endpoints }: PortEntry, node: NodeView): EndpointEntry[] {
	const preference = service.trafficDistribution;
	if (preference === undefined) return endpoints;
	const own = preference === "PreferSameNode" ? endpoints.filter((endpoint) => endpoint.node === node.name) : [];
	if (own.length > 0) return own;
	const zone = node.zoneOf(node.name);
	const near = zone === undefined ? [] : endpoints.filter((endpoint) => endpoint.node !== undefined && node.zoneOf(endpoint.node) === zone);
	return near.length > 0 ? near : endpoints;
}

export const localEndpointCount = (service: ServiceEntry, node: NodeView): number =>
	new Set(service.ports.flatMap((port) => localEndpoints(port, node).map(({ ip }) => ip))).size;

function addClusterIp(to: Contribution, service: ServiceEntry, port: PortEntry, node: NodeView): void {
	if (service.clusterIP === "None" || service.clusterIP === "") return;
	const key = `${requireAddress(service.clusterIP, node.family)} . ${requireProtocol(port.protocol)} . ${requirePort(port.port)}`;
	to.put("cluster-ips", service.clusterIP);
	if (port.endpoints.length === 0) return to.put("rejected", key);
	const local = service.internalTrafficPolicy === "Local";
	const chosen = (local ? localEndpoints(port, node) : nearEndpoints(service, port, node)).slice(0, ENDPOINTS_MAX);
	if (chosen.length === 0) to.put("dropped", key);
	else to.lead(service, key, "services", "endpoints", chosen);
}

interface Door {
	key: string;
	nodePort: boolean;
}

/** An address or a node port that is open to the outside. */
function addDoor(to: Contribution, service: ServiceEntry, port: PortEntry, node: NodeView, { key, nodePort }: Door): void {
	if (port.endpoints.length === 0) return to.put(nodePort ? "rejected-node-ports" : "rejected", key);
	const all = nearEndpoints(service, port, node).slice(0, ENDPOINTS_MAX);
	const [verdicts, map] = nodePort ? (["node-ports", "node-endpoints"] as const) : (["services", "endpoints"] as const);
	if (service.externalTrafficPolicy !== "Local") {
		to.put(nodePort ? "masqueraded-node-ports" : "masqueraded", key);
		to.lead(service, key, verdicts, map, all);
		return;
	}
	const own = localEndpoints(port, node).slice(0, ENDPOINTS_MAX);
	if (own.length === 0) to.put(nodePort ? "dropped-node-ports" : "dropped-outside", key);
	else to.lead(service, key, verdicts, map, own);
	// Who is inside the cluster is not kept to the node: the policy is about the outside.
	to.lead(service, key, nodePort ? "inside-node-ports" : "inside-services", nodePort ? "inside-node-endpoints" : "inside-endpoints", all);
}

function addPort(to: Contribution, service: ServiceEntry, port: PortEntry, node: NodeView): void {
	// A Service that leads to its own address is the agent's to answer.
	if (port.endpoints.some(({ ip }) => ip === service.clusterIP)) return;
	addClusterIp(to, service, port, node);
	const protocol = requireProtocol(port.protocol);
	for (const address of service.externalIPs ?? []) {
		const key = `${requireAddress(address, node.family)} . ${protocol} . ${requirePort(port.port)}`;
		addDoor(to, service, port, node, { key, nodePort: false });
		if (!service.sourceRanges) continue;
		to.put("restricted", key);
		for (const range of service.sourceRanges) to.put("allowed-sources", `${key} . ${requireNetwork(range.trim(), node.family)}`);
	}
	if (port.nodePort) addDoor(to, service, port, node, { key: `${protocol} . ${requirePort(port.nodePort)}`, nodePort: true });
}

/** A port that nft could not take is left out, and named to `onSkipped`. */
export function serviceElements(service: ServiceEntry, node: NodeView, onSkipped: (message: string) => void): ServiceElements {
	const whole = new Contribution(node);
	for (const port of service.ports) {
		try {
			// In two steps, so that a port of which something is wrong leaves nothing.
			addPort(new Contribution(node), service, port, node);
			addPort(whole, service, port, node);
		} catch (error) {
			onSkipped(`Service ${service.namespace}/${service.name} port ${port.port} is not proxied: ${(error as Error).message}`);
		}
	}
	return whole;
}

const KEY_OF: Readonly<Record<EndpointMap, string>> = {
	endpoints: "ip daddr . meta l4proto . th dport",
	"inside-endpoints": "ip daddr . meta l4proto . th dport",
	"node-endpoints": "meta l4proto . th dport",
	"inside-node-endpoints": "meta l4proto . th dport",
};

/** Any number, but the same whenever a rule is made anew. */
const HASH_SEED = 0x5e70;

/**
 * The rules that send a connection to one of `count` endpoints: at random, or to the one that the client had last. An IPv6 client's endpoint is
 * worked out of its address instead, the same while the Service's endpoints are: nft (1.0.6) finds no room for so long an element that the rules add.
 */
export function pickRules({ map, count, sticky }: Pick, family: NftFamily = "ip"): string[] {
	const key = KEY_OF[map];
	if (sticky && family === "ip6") return [`dnat ip to ${key} . jhash ip saddr mod ${count} seed ${HASH_SEED} map @${map}`];
	const choice = `dnat ip to ${key} . numgen random mod ${count} map @${map}`;
	if (!sticky) return [choice];
	const ids = map.includes("node") ? "sticky-node-ids" : "sticky-ids";
	return [
		`meta l4proto { tcp, udp, sctp } ct mark set ${key} map @${ids}`,
		"meta l4proto { tcp, udp, sctp } dnat ip to ip saddr . ct mark map @affinity",
		choice,
	];
}
