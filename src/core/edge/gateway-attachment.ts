/**
 * Which HTTPRoute is attached to which Gateway's listeners, what the edge serves because of it, and what both are told in their
 * status. Gateways and routes may be of different namespaces, so this is decided where all are known: in the Edge object.
 */
import { labelSelectorOf } from "../selector/label-selector.ts";
import type { LabelSelector } from "../schema/kubernetes.d.ts";
import type { EdgeCertificate, EdgeRoute } from "./edge-table.ts";
import type { Listener, ParentReference } from "./gateway-api.ts";
import type { CompiledHttpRoute, Problem } from "./http-route.ts";

export interface ListenerEntry extends Listener {
	/** What is wrong with its certificates. */
	unresolved?: Problem;
}

/** A Gateway of our class, as its namespace tells of it. */
export interface GatewayEntry {
	namespace: string;
	name: string;
	generation: number;
	listeners: ListenerEntry[];
	certificates: EdgeCertificate[];
}

export interface HttpRouteEntry extends CompiledHttpRoute {
	namespace: string;
	name: string;
	generation: number;
	createdMs: number;
	hostnames: string[];
	parentRefs: ParentReference[];
	/** Of its namespace, for listeners that select by them. */
	namespaceLabels: Record<string, string>;
}

/** A condition without its time: the object that keeps it knows when it changed. */
export interface ConditionEntry {
	type: string;
	status: "True" | "False";
	reason: string;
	message: string;
}

export interface ParentEntry {
	parentRef: ParentReference;
	conditions: ConditionEntry[];
}

export interface ListenerState {
	name: string;
	attachedRoutes: number;
	/** Whether it takes HTTPRoutes at all. */
	http: boolean;
	conditions: ConditionEntry[];
}

export interface Attachment {
	/** By the HTTPRoute's "namespace/name". */
	routes: Map<string, { routes: EdgeRoute[]; parents: ParentEntry[] }>;
	/** By the Gateway's "namespace/name". */
	gateways: Map<string, ListenerState[]>;
}

const keyOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}/${name}`;
const SCHEMES: Readonly<Record<string, "http" | "https">> = { HTTP: "http", HTTPS: "https" };

const condition = (type: string, problem: Problem | undefined, reason: string): ConditionEntry => ({
	type,
	status: problem ? "False" : "True",
	reason: problem?.reason ?? reason,
	message: problem?.message ?? "",
});

export function attachAll(gateways: readonly GatewayEntry[], routes: readonly HttpRouteEntry[]): Attachment {
	const byKey = new Map(gateways.map((gateway) => [keyOf(gateway), gateway]));
	const attached = new Map<string, Set<string>>();
	const result: Attachment = { routes: new Map(), gateways: new Map() };
	for (const route of routes) {
		const parents: ParentEntry[] = [];
		const served: EdgeRoute[] = [];
		for (const parentRef of route.parentRefs) {
			const gateway = byKey.get(`${parentRef.namespace ?? route.namespace}/${parentRef.name}`);
			if (!gateway || (parentRef.kind ?? "Gateway") !== "Gateway") continue;
			const { listeners, problem } = listenersFor(route, parentRef, gateway);
			for (const { listener, hosts } of listeners) {
				const key = `${keyOf(gateway)}/${listener.name}`;
				attached.set(key, (attached.get(key) ?? new Set()).add(keyOf(route)));
				served.push(...routesFor(route, listener, hosts));
			}
			const conditions = [condition("Accepted", problem ?? route.unsupported, "Accepted"), condition("ResolvedRefs", route.unresolved, "ResolvedRefs")];
			parents.push({ parentRef, conditions });
		}
		result.routes.set(keyOf(route), { routes: withoutRepetition(served), parents });
	}
	for (const gateway of gateways) {
		const count = ({ name }: Listener): number => attached.get(`${keyOf(gateway)}/${name}`)?.size ?? 0;
		result.gateways.set(
			keyOf(gateway),
			gateway.listeners.map((listener) => listenerState(listener, count(listener))),
		);
	}
	return result;
}

interface Attached {
	listener: ListenerEntry;
	hosts: string[];
}

/** The listeners that take the route, or why none does. */
function listenersFor(route: HttpRouteEntry, { sectionName, port }: ParentReference, gateway: GatewayEntry): { listeners: Attached[]; problem?: Problem } {
	const named = gateway.listeners.filter((one) => (sectionName === undefined || one.name === sectionName) && (port === undefined || one.port === port));
	if (named.length === 0) return { listeners: [], problem: { reason: "NoMatchingParent", message: "the Gateway has no such listener" } };
	const allowed = named.filter((listener) => SCHEMES[listener.protocol] && isAllowed(route, listener, gateway));
	if (allowed.length === 0) return { listeners: [], problem: { reason: "NotAllowedByListeners", message: "no listener of the Gateway allows this route" } };
	const listeners = allowed.map((listener) => ({ listener, hosts: hostsOf(route.hostnames, listener.hostname) })).filter(({ hosts }) => hosts.length > 0);
	if (listeners.length > 0) return { listeners };
	return { listeners, problem: { reason: "NoMatchingListenerHostname", message: "no hostname of the route is one of the listener's" } };
}

function isAllowed(route: HttpRouteEntry, { allowedRoutes = {} }: Listener, gateway: GatewayEntry): boolean {
	const { kinds = [], namespaces } = allowedRoutes;
	if (kinds.length > 0 && !kinds.some(({ kind }) => kind === "HTTPRoute")) return false;
	if (namespaces?.from === "All") return true;
	if (namespaces?.from === "Selector") return selects(namespaces.selector as LabelSelector | undefined, route.namespaceLabels);
	return namespaces?.from !== "None" && route.namespace === gateway.namespace;
}

function selects(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
	try {
		return labelSelectorOf(selector).matches(labels);
	} catch {
		return false;
	}
}

/** The hosts that both the route and the listener are for. */
function hostsOf(hostnames: readonly string[], listener: string | undefined): string[] {
	if (listener === undefined) return hostnames.length > 0 ? [...hostnames] : [""];
	if (hostnames.length === 0) return [listener];
	return hostnames.flatMap((hostname) => {
		if (covers(listener, hostname)) return [hostname];
		return covers(hostname, listener) ? [listener] : [];
	});
}

/** Whether every host of `inner` is one of `outer`. */
function covers(outer: string, inner: string): boolean {
	if (outer === inner) return true;
	return outer.startsWith("*.") && inner.replace(/^\*/, "").endsWith(outer.slice(1)) && inner !== outer.slice(2);
}

function routesFor(route: HttpRouteEntry, { protocol }: Listener, hosts: readonly string[]): EdgeRoute[] {
	const scheme = SCHEMES[protocol] ?? "http";
	return hosts.flatMap((host) => route.rules.map((rule): EdgeRoute => ({ ...rule, host: host.toLowerCase(), deepWildcard: true, scheme })));
}

/** Two listeners may serve the same host. */
function withoutRepetition(routes: readonly EdgeRoute[]): EdgeRoute[] {
	return [...new Map(routes.map((route) => [JSON.stringify(route), route])).values()];
}

function listenerState(listener: ListenerEntry, attachedRoutes: number): ListenerState {
	const known = SCHEMES[listener.protocol] !== undefined;
	const unknown = known ? undefined : { reason: "UnsupportedProtocol", message: `protocol ${listener.protocol} is not served` };
	const kinds = listener.allowedRoutes?.kinds ?? [];
	const invalidKinds = kinds.some(({ kind }) => kind !== "HTTPRoute") ? { reason: "InvalidRouteKinds", message: "only HTTPRoutes are served" } : undefined;
	const unresolved = listener.unresolved ?? invalidKinds;
	return {
		name: listener.name,
		attachedRoutes,
		http: known && (kinds.length === 0 || kinds.some(({ kind }) => kind === "HTTPRoute")),
		conditions: [
			condition("Accepted", unknown, "Accepted"),
			condition("Programmed", unknown || unresolved ? { reason: "Invalid", message: (unknown ?? unresolved)?.message ?? "" } : undefined, "Programmed"),
			condition("ResolvedRefs", unresolved, "ResolvedRefs"),
			{ type: "Conflicted", status: "False", reason: "NoConflicts", message: "" },
		],
	};
}
