/**
 * What the Service table holds, as data: the elements of its sets and maps. One rule per number of endpoints picks one
 * at random out of a map, so the rules do not grow with the Services.
 */
import type { ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { requireAddress, requirePort, requireProtocol } from "./nft.ts";

/** Services with more endpoints use the first ones: a rule exists for each number of endpoints. */
export const ENDPOINTS_MAX = 1000;

/** Elements by key; a set's have an empty value. */
export type Elements = Map<string, string>;

export interface ServiceTable {
	/** address . protocol . port : verdict */
	services: Elements;
	/** protocol . port : verdict */
	nodePorts: Elements;
	/** address . protocol . port . index : address . port */
	endpoints: Elements;
	/** protocol . port . index : address . port */
	nodeEndpoints: Elements;
	/** address . protocol . port: Services without endpoints. */
	rejected: Elements;
	/** protocol . port */
	rejectedNodePorts: Elements;
	/** address . address of each endpoint: a pod that reaches itself through a Service. */
	hairpins: Elements;
	/** Numbers of endpoints that need a chain; true for affinity. */
	picks: Map<string, { count: number; sticky: boolean; nodePort: boolean }>;
}

export const SET_NAMES = {
	services: "services",
	nodePorts: "node-ports",
	endpoints: "endpoints",
	nodeEndpoints: "node-endpoints",
	rejected: "rejected",
	rejectedNodePorts: "rejected-node-ports",
	hairpins: "hairpins",
} as const satisfies Partial<Record<keyof ServiceTable, string>>;

export type SetName = keyof typeof SET_NAMES;
export const SETS = Object.keys(SET_NAMES) as SetName[];

function emptyTable(): ServiceTable {
	const sets = Object.fromEntries(SETS.map((name) => [name, new Map<string, string>()])) as Record<SetName, Elements>;
	return { ...sets, picks: new Map() };
}

function pickChain(table: ServiceTable, count: number, sticky: boolean, nodePort: boolean): string {
	const name = `${nodePort ? "node-" : ""}${sticky ? "stick" : "pick"}-${count}`;
	table.picks.set(name, { count, sticky, nodePort });
	return name;
}

type Port = ServiceEntry["ports"][number];

function addPort(table: ServiceTable, service: ServiceEntry, port: Port): void {
	const protocol = requireProtocol(port.protocol);
	const endpoints = port.endpoints.slice(0, ENDPOINTS_MAX).map((one) => `${requireAddress(one.ip)} . ${requirePort(one.port)}`);
	const keys: { key: string; nodePort: boolean }[] = [];
	if (service.clusterIP !== "None" && service.clusterIP !== "") {
		keys.push({ key: `${requireAddress(service.clusterIP)} . ${protocol} . ${requirePort(port.port)}`, nodePort: false });
	}
	if (port.nodePort !== undefined && port.nodePort !== 0) keys.push({ key: `${protocol} . ${requirePort(port.nodePort)}`, nodePort: true });
	for (const { key, nodePort } of keys) {
		if (endpoints.length === 0) {
			(nodePort ? table.rejectedNodePorts : table.rejected).set(key, "");
			continue;
		}
		const chain = pickChain(table, endpoints.length, service.sessionAffinity === "ClientIP", nodePort);
		(nodePort ? table.nodePorts : table.services).set(key, `goto ${chain}`);
		for (const [index, endpoint] of endpoints.entries()) (nodePort ? table.nodeEndpoints : table.endpoints).set(`${key} . ${index}`, endpoint);
	}
	for (const { ip } of port.endpoints.slice(0, ENDPOINTS_MAX)) table.hairpins.set(`${ip} . ${ip}`, "");
}

/** A port that nft could not take is left out, and named to `onSkipped`. */
export function serviceTable(services: readonly ServiceEntry[], onSkipped: (message: string) => void): ServiceTable {
	const table = emptyTable();
	for (const service of services) {
		for (const port of service.ports) {
			try {
				addPort(table, service, port);
			} catch (error) {
				onSkipped(`Service ${service.namespace}/${service.name} port ${port.port} is not proxied: ${(error as Error).message}`);
			}
		}
	}
	return table;
}

/** The rule that sends a connection to one of `count` endpoints: at random, or the same for the same client. */
export function pickRule(pick: { count: number; sticky: boolean; nodePort: boolean }): string {
	const choice = pick.sticky ? `jhash ip saddr mod ${pick.count}` : `numgen random mod ${pick.count}`;
	const service = pick.nodePort ? "" : "ip daddr . ";
	const map = pick.nodePort ? SET_NAMES.nodeEndpoints : SET_NAMES.endpoints;
	return `dnat ip to ${service}meta l4proto . th dport . ${choice} map @${map}`;
}

function elementText(elements: Iterable<readonly [string, string]>): string {
	return [...elements].map(([key, value]) => (value === "" ? key : `${key} : ${value}`)).join(", ");
}

/** Statements that turn `before` into `after`, deletions first as keys may stay with another value. */
export function changeStatements(table: string, before: ServiceTable | undefined, after: ServiceTable): string[] {
	const statements: string[] = [];
	for (const [name, pick] of after.picks) {
		if (before?.picks.has(name) === true) continue;
		statements.push(`add chain ${table} ${name}`, `flush chain ${table} ${name}`, `add rule ${table} ${name} ${pickRule(pick)}`);
	}
	for (const set of SETS) {
		const old = before?.[set] ?? new Map<string, string>();
		const gone = [...old].filter(([key, value]) => after[set].get(key) !== value);
		const fresh = [...after[set]].filter(([key, value]) => old.get(key) !== value);
		const name = `${table} ${SET_NAMES[set]}`;
		if (before === undefined) statements.push(`flush ${set === "rejected" || set === "rejectedNodePorts" || set === "hairpins" ? "set" : "map"} ${name}`);
		if (gone.length > 0) statements.push(`delete element ${name} { ${gone.map(([key]) => key).join(", ")} }`);
		if (fresh.length > 0) statements.push(`add element ${name} { ${elementText(fresh)} }`);
	}
	return statements;
}
